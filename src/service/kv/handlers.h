// What each command of the key-value service does; the table in command_table.cc names them. Each
// is called with a number of arguments that its arity accepts and keys and values within limits.h.
#pragma once

#include "service/kv/command_spec.h"

namespace steward::kv {

void run_get(const PagedMap& map, const Call& call, Value& reply);
void run_exists(const PagedMap& map, const Call& call, Value& reply);
void run_mget(const PagedMap& map, const Call& call, Value& reply);
void run_strlen(const PagedMap& map, const Call& call, Value& reply);
void run_type(const PagedMap& map, const Call& call, Value& reply);
void run_dbsize(const PagedMap& map, const Call& call, Value& reply);
void run_scan(const PagedMap& map, const Call& call, Value& reply);
void run_keys(const PagedMap& map, const Call& call, Value& reply);

void run_set(PagedMap& map, const Call& call, Value& reply);
void run_del(PagedMap& map, const Call& call, Value& reply);
void run_mset(PagedMap& map, const Call& call, Value& reply);
void run_incr(PagedMap& map, const Call& call, Value& reply);
void run_decr(PagedMap& map, const Call& call, Value& reply);
void run_incrby(PagedMap& map, const Call& call, Value& reply);
void run_decrby(PagedMap& map, const Call& call, Value& reply);
void run_append(PagedMap& map, const Call& call, Value& reply);
void run_getset(PagedMap& map, const Call& call, Value& reply);
void run_getdel(PagedMap& map, const Call& call, Value& reply);
void run_setnx(PagedMap& map, const Call& call, Value& reply);
void run_flushall(PagedMap& map, const Call& call, Value& reply);

}  // namespace steward::kv
