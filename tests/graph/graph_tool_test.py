"""`steward graph` from files to answers: python3 graph_tool_test.py PATH-OF-STEWARD"""

import gzip
import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

STEWARD = sys.argv.pop(1)

LOG = """id,client,time,dependencies
a,sensor1,1,
b,sensor2,1,
map,office,7,
go,office,9,a map | b map
guard,watch,1,go
"""

PACKAGES = """Package: liblzma5
Version: 5.4
Maintainer: Xz

Package: libsystemd0
Version: 252
Depends: liblzma5

Package: libelogind0
Version: 246

Package: openssh-server
Version: 9.2
Depends: libelogind0 | libsystemd0
"""

BAD_INPUT, ERROR = 3, 1


class GraphTool(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.graph = str(self.folder / "g")

    def run_tool(self, *arguments, code=0):
        result = subprocess.run([STEWARD, "graph", *arguments], capture_output=True, text=True)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stderr if code else result.stdout

    def ask(self, verb, *arguments, code=0):
        return self.run_tool(verb, "--graph", self.graph, *arguments, code=code)

    def ask_json(self, verb, *arguments):
        return json.loads(self.ask(verb, *arguments, "--json"))

    def import_text(self, format, text, name="file", code=0):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.run_tool("import", "--format", format, str(path), "--out", self.graph,
                             code=code)

    def test_a_log(self):
        self.assertIn("5 items of 4 clients", self.import_text("csv", LOG))
        [blast] = self.ask_json("blast", "a")
        self.assertEqual(blast["tainted"], ["a"])
        self.assertEqual(blast["saved_by_alternatives"], ["go", "guard"])
        both = self.ask_json("what-if", "a", "b")
        self.assertEqual(both, {"corrupt": ["a", "b"], "suspect": ["go", "guard"],
                                "not_affected": 1})
        self.assertEqual(self.ask_json("what-if", "a", "b", "cleared:go")["suspect"], [])
        self.assertEqual(self.ask_json("what-if", "corrupt:map")["corrupt"], ["map", "go"])
        self.assertEqual(self.ask_json("what-if", "client:office@8")["corrupt"], ["go"])
        why = self.ask_json("why", "guard", "a", "b")
        self.assertEqual((why["label"], why["path"]), ("suspect", ["guard", "go", "a"]))
        self.assertEqual(why["proof"][1]["witnesses"], ["a", "b"])
        self.assertEqual(self.ask_json("why", "guard")["single_points_of_failure"], ["map", "go"])
        self.assertEqual(self.ask_json("path", "guard", "b"), ["guard", "go", "b"])
        self.assertIn("does not rest on", self.ask("path", "b", "guard"))
        self.assertEqual(self.ask_json("rank", "--top", "1"),
                         [{"name": "map", "tainted": 3, "saved_by_alternatives": 0}])

    def test_packages_compressed(self):
        self.import_text("debian", gzip.compress(PACKAGES.encode()), "Packages.gz")
        self.assertEqual(self.ask_json("why", "openssh-server", "liblzma5")["label"],
                         "not affected")
        self.assertIn("openssh-server=9.2 is suspect",
                      self.ask("why", "openssh-server", "liblzma5", "libelogind0"))
        self.assertIn("alternatives save 1", self.ask("blast", "liblzma5"))
        self.assertTrue(self.ask("cdf").startswith("alternatives,tainted,share\nwith,1,"))
        picture = self.folder / "cdf.svg"
        self.ask("cdf", "--clients", "--svg", str(picture))
        self.assertTrue(xml.parse(picture).getroot().tag.endswith("svg"))

    def test_exports(self):
        self.import_text("debian", PACKAGES.replace("Xz", "<Xz> & \"sons\""))
        exported = json.loads(self.ask("export", "--format", "json", "--if", "liblzma5"))
        labels = {node["name"]: node["label"] for node in exported["nodes"]}
        self.assertEqual(labels["libsystemd0=252"], "suspect")
        self.assertEqual(labels["openssh-server=9.2"], "not affected")
        graphml = xml.fromstring(self.ask("export", "--format", "graphml").encode())
        space = "{http://graphml.graphdrawing.org/xmlns}"
        self.assertEqual(len(graphml.findall(f".//{space}node")), 5)
        self.assertEqual(len(graphml.findall(f".//{space}edge")), 4)
        self.assertIn('<Xz> & "sons"', [data.text for data in graphml.iter(f"{space}data")])
        self.assertEqual(self.ask("export", "--format", "dot").count("->"), 4)

    def test_says_what_is_wrong(self):
        self.assertIn("line 7: x depends on y, which is on no earlier line",
                      self.import_text("csv", LOG + "x,c,1,y\n", code=BAD_INPUT))
        self.assertIn("is damaged, or not JSON",
                      self.import_text("cyclonedx", "{", code=BAD_INPUT))
        self.assertIn("decompress it first",
                      self.import_text("debian", b"", "Packages.xz", code=BAD_INPUT))
        self.assertIn("cannot be decompressed",
                      self.import_text("debian", b"\x04\x22\x4d\x18junk", "P.lz4", code=ERROR))
        self.assertIn("cannot be decompressed",
                      self.import_text("debian", gzip.compress(b"x" * 99)[:-9], "P.gz", code=ERROR))
        self.assertIn("steward graph import", self.ask("blast", "x", code=BAD_INPUT))

    def test_a_damaged_folder(self):
        self.import_text("csv", LOG)
        image = Path(self.graph) / "graph.bin"
        image.write_bytes(image.read_bytes()[:-1])
        self.assertIn("import again", self.ask("blast", "a", code=ERROR))


if __name__ == "__main__":
    unittest.main()
