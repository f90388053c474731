// Stands in for libFuzzer where there is none: gives a target every file of the directories, then a
// number of mutations of each, always the same ones.
//
//   fuzz_TARGET PATH... [MUTATIONS]    default 100
//
// The inputs run in a child process; what it dies of is written to crash-TARGET, to be given again
// as PATH.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz/input.h"

namespace steward::fuzz {
namespace {

namespace fs = std::filesystem;

// Where the child is: shared with the parent, which outlives it.
struct Place {
  std::size_t file;
  std::size_t mutation;
};

std::vector<Bytes> read_corpus(const std::vector<std::string>& paths) {
  std::vector<fs::path> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Bytes> corpus;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// Mutation 0 is the file as it is.
Bytes input_at(const std::vector<Bytes>& corpus, const Place& place) {
  Bytes bytes = corpus[place.file];
  if (place.mutation == 0) return bytes;
  std::mt19937 random(static_cast<std::uint32_t>(place.file * 1'000'003 + place.mutation));
  const auto below = [&](std::size_t end) { return end == 0 ? 0 : random() % end; };
  for (std::size_t left = 1 + below(4); left > 0; --left) {
    const std::size_t at = below(bytes.size());
    switch (random() % 6) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.erase(at, below(16));
        break;
      case 4:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(32)));
        break;
      default: {  // splice: goes on as another file does
        const Bytes& other = corpus[below(corpus.size())];
        bytes = bytes.substr(0, at) + other.substr(below(other.size()));
      }
    }
  }
  return bytes;
}

void run_all(const std::vector<Bytes>& corpus, std::size_t mutations, Place& place) {
  for (place.file = 0; place.file < corpus.size(); ++place.file) {
    for (place.mutation = 0; place.mutation <= mutations; ++place.mutation) {
      const Bytes input = input_at(corpus, place);
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    }
  }
}

int run(const std::string& program, std::vector<std::string> paths) {
  std::size_t mutations = 100;
  if (!paths.empty() && paths.back().find_first_not_of("0123456789") == std::string::npos) {
    mutations = std::stoul(paths.back());
    paths.pop_back();
  }
  const std::vector<Bytes> corpus = read_corpus(paths);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no inputs to replay\n", program.c_str());
    return 2;
  }
  void* shared =
      ::mmap(nullptr, sizeof(Place), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  STEWARD_CHECK(shared != MAP_FAILED);
  Place& place = *new (shared) Place{};
  const pid_t child = ::fork();
  STEWARD_CHECK(child >= 0);
  if (child == 0) {
    run_all(corpus, mutations, place);
    return 0;
  }
  int status = 0;
  STEWARD_CHECK(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    std::printf("%s: %zu inputs and %zu mutations of each\n", program.c_str(), corpus.size(),
                mutations);
    return 0;
  }
  const std::string path = "crash-" + program;
  std::ofstream(path, std::ios::binary) << input_at(corpus, place);
  std::fprintf(stderr, "%s: died of mutation %zu of input %zu, which is now in %s\n",
               program.c_str(), place.mutation, place.file, path.c_str());
  return 1;
}

}  // namespace
}  // namespace steward::fuzz

int main(int argc, char** argv) {
  return steward::fuzz::run(steward::fuzz::fs::path(argv[0]).filename().string(),
                            {argv + 1, argv + argc});
}
