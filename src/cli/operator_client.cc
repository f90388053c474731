#include "cli/operator_client.h"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>

#include "cli/cluster_keys.h"
#include "cli/commands.h"
#include "net/client_channel.h"

namespace steward::cli {

void add_operator_options(CLI::App& verb, OperatorOptions& options) {
  add_cluster_option(verb, options.cluster);
  add_keys_option(verb, options.keys);
  add_unlock_options(verb, options.unlock);
  verb.add_option("--client", options.client, "Connect as this client")
      ->envname("STEWARD_CLIENT")
      ->capture_default_str();
}

std::vector<ServerId> all_servers(const ClusterConfig& config) {
  std::vector<ServerId> servers;
  for (SiteId site = 0; site < config.sites.size(); ++site) {
    for (ServerIndex i = 0; i < config.sites[site].servers.size(); ++i)
      servers.push_back({site, i});
  }
  return servers;
}

Result<std::map<ServerId, wire::ClientMessage>> ask_servers(
    const OperatorOptions& options, const ClusterConfig& config,
    const std::vector<ServerId>& servers, const wire::ClientMessage& request,
    const std::function<bool(const wire::ClientMessage&)>& is_answer) {
  const auto own =
      load_client_of(config, options.keys, options.client, make_unlock(options.unlock));
  if (!own) return own.error();
  const crypto::SecretBytes seed = own->key.signer->copy_secret_seed();

  boost::asio::io_context context;
  std::map<ServerId, wire::ClientMessage> answers;
  std::map<ServerId, std::unique_ptr<net::ClientChannel>> channels;
  const auto frame = std::make_shared<const Bytes>(request.SerializeAsString());
  for (const ServerId id : servers) {
    const ServerConfig& address = config.sites[id.site].servers[id.server];
    net::ClientChannelOptions channel_options;
    channel_options.host = address.host;
    channel_options.port = address.port;
    channel_options.server_key = own->cluster.directory.sites[id.site].servers[id.server];
    channel_options.seed = Bytes(seed.view());
    net::ClientChannelCallbacks callbacks;
    callbacks.on_up = [&, id] { (void)channels.at(id)->send(frame); };
    callbacks.on_frame = [&, id](const Bytes& bytes) {
      wire::ClientMessage message;
      if (!message.ParseFromString(bytes) || !is_answer(message)) return;
      answers.emplace(id, std::move(message));
      if (answers.size() == servers.size()) context.stop();
    };
    callbacks.on_down = [](const std::string&) {};
    auto channel = net::ClientChannel::open(context, channel_options, std::move(callbacks));
    if (!channel) return channel.error();
    channels[id] = std::move(*channel);
  }
  context.run_for(options.timeout);
  channels.clear();
  return answers;
}

}  // namespace steward::cli
