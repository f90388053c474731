"""The life of key files: the ceremony, looking at them, checking, protecting, running with them."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from cluster_case import PATIENCE_S, Cluster, wait_for

OK, BAD_INPUT = 0, 3
SECRET = "correct horse battery"


def run(*arguments, **environment):
    return subprocess.run([os.environ["STEWARD"], *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False,
                          env={**os.environ, **environment}, start_new_session=True)


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="steward-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def expect(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr + result.stdout)
        for word in words:
            self.assertIn(str(word), result.stdout + result.stderr)
        return result

    def secret_file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return path


class Ceremony(Case):
    """Three sites of one server, protected with a passphrase."""

    def setUp(self):
        super().setUp()
        self.cluster = Cluster(os.environ["STEWARD"], self.directory, "paxos", "single",
                               shaped=False)
        self.addCleanup(self.cluster.stop)
        self.cluster.write_file()
        self.passphrase = self.secret_file("passphrase", SECRET + "\n")
        self.keys = self.cluster.keys
        self.expect(run("keygen", "--cluster", self.cluster.file, "--out", self.keys,
                        "--passphrase-file", self.passphrase, "--operator", "chief"), OK,
                    "protected", "fingerprints.txt")

    def verify(self, path, *more):
        return run("keys", "verify", path, *more)

    def test_show_says_the_same_as_the_sheet_and_no_secret(self):
        sheet = (self.keys / "fingerprints.txt").read_text()
        for word in ("cluster id", "plain, 1 of 1 sign", "operator chief", "operator operator",
                     "client gateway-boston"):
            self.assertIn(word, sheet)
        shown = self.expect(run("keys", "show", self.keys / "server-1-0"), OK, sheet,
                            "steward server key", "steward site share", "a passphrase")
        self.assertNotIn("seed", shown.stdout)

    def test_verify_finds_what_is_wrong(self):
        opens = ("--passphrase-file", self.passphrase)
        self.expect(self.verify(self.keys, *opens), OK, "server 2.0", "client chief",
                    "all is well")
        self.expect(self.verify(self.keys / "server-0-0", *opens), OK, "all is well")
        self.expect(self.verify(self.keys), BAD_INPUT, "is protected with a passphrase",
                    "--passphrase-file")
        wrong = self.secret_file("wrong", "incorrect horse\n")
        self.expect(self.verify(self.keys, "--passphrase-file", wrong), BAD_INPUT,
                    "the passphrase is wrong")
        share = self.keys / "server-0-0" / "site.share"
        good = share.read_bytes()
        share.write_bytes(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
        self.expect(self.verify(self.keys, *opens), BAD_INPUT, share)
        shutil.copy(self.keys / "server-1-0" / "site.share", share)
        self.expect(self.verify(self.keys, *opens), BAD_INPUT, share)
        share.write_bytes(good)
        share.chmod(0o640)
        self.expect(self.verify(self.keys, *opens), BAD_INPUT, "chmod 600")

    def test_protection_is_changed_and_removed(self):
        files = [self.keys / "server-0-0" / name for name in ("server.key", "site.share")]
        keyfile = self.secret_file("keyfile", "k" * 32)
        self.expect(run("keys", "protect", *files, "--new-keyfile", keyfile,
                        STEWARD_PASSPHRASE_FILE=str(self.passphrase)), OK, "with a keyfile")
        self.expect(self.verify(self.keys / "server-0-0", "--keyfile", keyfile), OK)
        self.expect(run("keys", "protect", *files, "--none", "--keyfile", keyfile), OK,
                    "not protected any more")
        self.expect(self.verify(self.keys / "server-0-0"), OK, "all is well")

    def test_a_cluster_runs_on_protected_keys(self):
        os.environ["STEWARD_PASSPHRASE_FILE"] = str(self.passphrase)
        self.addCleanup(os.environ.pop, "STEWARD_PASSPHRASE_FILE")
        self.cluster.start()
        wait_for("all servers answer", lambda: len(self.cluster.status()) == 3)


class TestSignature(Case):
    def export(self, *arguments):
        out = self.directory / "signature"
        result = run("keys", "export-test-signature", *arguments, "--out", out)
        self.expect(result, OK, "valid signature")
        self.expect(run("keys", "verify-signature", out), OK, "valid")
        return out, result

    def test_every_scheme_finds_its_liars(self):
        for scheme in "ed25519-multi", "bls12-381":
            out, result = self.export("--scheme", scheme, "--servers", 10, "--faults", 3)
            for liar in range(3):
                self.assertIn(f"server {liar} was found to lie", result.stdout)
            with open(out / "message", "a", encoding="ascii") as message:
                message.write("!")
            self.expect(run("keys", "verify-signature", out), BAD_INPUT, "no signature")
            shutil.rmtree(out)

    def test_openssl_verifies_rsa(self):
        _, result = self.export("--scheme", "rsa-shoup", "--bits", 1024)
        command = next(line for line in result.stdout.splitlines()
                       if line.strip().startswith("openssl dgst"))
        checked = subprocess.run(command.split(), capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("Verified OK", checked.stdout)

    def test_impossible_wishes(self):
        out = self.directory / "none"
        self.expect(run("keys", "export-test-signature", "--scheme", "rot13", "--out", out),
                    BAD_INPUT, "rot13")
        self.expect(run("keys", "export-test-signature", "--servers", 4, "--faults", 2, "--out",
                        out), BAD_INPUT, "3f+1 = 7")
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
