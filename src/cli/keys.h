// The verbs under `steward keys`; as commands.h.
#pragma once

namespace CLI {
class App;
}

namespace steward::cli {

void add_keys_show(CLI::App& keys, int& exit_code);
void add_keys_verify(CLI::App& keys, int& exit_code);
void add_keys_protect(CLI::App& keys, int& exit_code);
void add_keys_refresh(CLI::App& keys, int& exit_code);
void add_keys_redeal(CLI::App& keys, int& exit_code);
void add_keys_test_signature(CLI::App& keys, int& exit_code);    // export-test-signature
void add_keys_verify_signature(CLI::App& keys, int& exit_code);  // verify-signature

}  // namespace steward::cli
