#include <fmt/core.h>
#include <lz4frame.h>
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "accountability/import_debian.h"
#include "accountability/import_log.h"
#include "accountability/import_sbom.h"
#include "cli/exit_code.h"
#include "cli/graph.h"

namespace steward::cli {

using namespace accountability;

namespace {

// Of one file, decompressed: indices of whole distributions are some 60 MB, logs of millions of
// updates a few hundred.
constexpr std::size_t kMaxFileBytes = std::size_t{4} << 30;
constexpr std::size_t kChunkBytes = 1 << 20;

struct Flags {
  std::string format;
  std::vector<std::string> files;
  std::string out;
};

Error too_large(const std::string& path) {
  return {ErrorCode::kTooLarge,
          fmt::format("{} is more than {} GiB when decompressed", path, kMaxFileBytes >> 30)};
}

Error damaged(const std::string& path) {
  return {ErrorCode::kCorrupt, path + " is damaged: it cannot be decompressed"};
}

// zlib reads plain files as they are, too.
Result<Bytes> read_plain_or_gzip(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), &gzclose);
  if (file == nullptr) return Error{ErrorCode::kIo, "cannot read " + path};
  Bytes out;
  while (true) {
    const std::size_t before = out.size();
    if (before > kMaxFileBytes) return too_large(path);
    out.resize(before + kChunkBytes);
    const int got = gzread(file.get(), out.data() + before, kChunkBytes);
    if (got < 0) return damaged(path);
    out.resize(before + static_cast<std::size_t>(got));
    if (got > 0) continue;
    // A file that is cut off reads like one that ends, and says so here only.
    int state = Z_OK;
    gzerror(file.get(), &state);
    if (state != Z_OK && state != Z_STREAM_END) return damaged(path);
    return out;
  }
}

Result<Bytes> read_lz4(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) != 0U) {
    return Error{ErrorCode::kIo, "no memory to decompress " + path};
  }
  const std::unique_ptr<LZ4F_dctx, size_t (*)(LZ4F_dctx*)> context(raw,
                                                                   &LZ4F_freeDecompressionContext);
  Bytes out;
  Bytes input(kChunkBytes, '\0');
  std::size_t wanted = 1;  // 0: at the end of a frame
  while (in.read(input.data(), kChunkBytes), in.gcount() > 0) {
    const auto size = static_cast<std::size_t>(in.gcount());
    for (std::size_t used = 0; used < size;) {
      if (out.size() > kMaxFileBytes) return too_large(path);
      const std::size_t before = out.size();
      out.resize(before + kChunkBytes);
      std::size_t made = kChunkBytes;
      std::size_t taken = size - used;
      wanted = LZ4F_decompress(context.get(), out.data() + before, &made, input.data() + used,
                               &taken, nullptr);
      if (LZ4F_isError(wanted) != 0U || (made == 0 && taken == 0)) return damaged(path);
      out.resize(before + made);
      used += taken;
    }
  }
  if (in.bad()) return Error{ErrorCode::kIo, "cannot read " + path};
  if (wanted != 0) return damaged(path);
  return out;
}

Result<Bytes> read_input(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) {
    return Error{ErrorCode::kNotFound, path + " is not there, or is no file"};
  }
  for (const char* suffix : {".xz", ".bz2", ".zst"}) {
    if (path.ends_with(suffix)) {
      return bad_input(
          fmt::format("{} is compressed in a way that is not read here: decompress "
                      "it first (.gz and .lz4 need not be)",
                      path));
    }
  }
  return path.ends_with(".lz4") ? read_lz4(path) : read_plain_or_gzip(path);
}

// A release each, its files with commas between.
Result<Catalogue> import_debian(const Flags& flags) {
  std::vector<DebianFile> files;
  std::uint32_t release = 0;
  for (const std::string& group : flags.files) {
    for (const std::string& path : CLI::detail::split(group, ',')) {
      auto text = read_input(path);
      if (!text) return text.error();
      files.push_back({path, release, std::move(*text)});
    }
    ++release;
  }
  auto draft = read_debian(files);
  if (!draft) return draft.error();
  return build_catalogue(std::move(*draft), show_graph_progress("building"));
}

Result<Catalogue> import_sbom(const Flags& flags) {
  std::vector<SbomFile> files;
  for (const std::string& path : flags.files) {
    auto text = read_input(path);
    if (!text) return text.error();
    files.push_back({path, std::move(*text)});
  }
  auto draft = flags.format == "spdx" ? read_spdx(files) : read_cyclonedx(files);
  if (!draft) return draft.error();
  return build_catalogue(std::move(*draft), show_graph_progress("building"));
}

Result<Catalogue> import_csv(const Flags& flags) {
  if (flags.files.size() != 1) return bad_input("a log is one file: its order matters");
  auto text = read_input(flags.files.front());
  if (!text) return text.error();
  return read_log({flags.files.front(), std::move(*text)}, show_graph_progress("reading"));
}

void print_notes(const Catalogue& catalogue, const std::string& folder) {
  const ImportNotes& notes = catalogue.notes;
  fmt::print("{}: {} items of {} clients, {} nodes, {} dependencies, {:.1f} MB in memory\n", folder,
             catalogue.items.size(), catalogue.clients.size(), catalogue.graph.end(),
             catalogue.graph.dependencies(),
             static_cast<double>(catalogue.graph.memory_bytes()) / 1e6);
  if (notes.circles > 0) {
    fmt::print(
        "{} circles of {} items, the largest of {}, are condensed: each falls as a whole, and {} "
        "needs with an\nalternative within their circle count as met there\n",
        notes.circles, notes.in_circles, notes.largest_circle, notes.dropped_alternatives);
  }
  if (notes.unresolved > 0) {
    fmt::print("{} needs are met by nothing in the files and left out; the first: {}\n",
               notes.unresolved, notes.unresolved_example);
  }
  if (notes.duplicates > 0) {
    fmt::print("{} items were there before; the first of each counts\n", notes.duplicates);
  }
}

int run(const Flags& flags) {
  auto catalogue = flags.format == "debian" ? import_debian(flags)
                   : flags.format == "csv"  ? import_csv(flags)
                                            : import_sbom(flags);
  if (!catalogue) return report(catalogue.error());
  if (Status status = save_catalogue(*catalogue, flags.out); !status) {
    return report(status.error());
  }
  print_notes(*catalogue, flags.out);
  return kExitOk;
}

}  // namespace

void add_graph_import(CLI::App& graph, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = graph.add_subcommand(
      "import",
      "Read files into a folder that the other verbs ask. Plain, .gz or .lz4.\n"
      "  debian      Packages indices, a release each, the oldest first; the files of one release\n"
      "              with commas between: old/Packages new/Packages,new-security/Packages\n"
      "  cyclonedx   SBOMs in JSON, a release each, the oldest first\n"
      "  spdx        SBOMs in SPDX 2 JSON, likewise\n"
      "  csv         a log of updates, CSV or JSON lines, in their order");
  verb->add_option("--format", flags->format, "debian, cyclonedx, spdx or csv")
      ->check(CLI::IsMember({"debian", "cyclonedx", "spdx", "csv"}))
      ->required();
  verb->add_option("FILES", flags->files, "What to read")->required();
  verb->add_option("--out", flags->out, "The folder; what it held of an earlier import is replaced")
      ->required();
  verb->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace steward::cli
