// Logs of updates as catalogues: one update a line, in the order in which they were made.
//
//   CSV     a first line of names, then   id,client,time,dependencies
//           dependencies are ids with blanks between them, alternatives with | between them:
//           "a b | c" rests on both a and b, or on c. Fields may be quoted as in RFC 4180, on one
//           line.
//   JSONL   {"id": "x", "client": "c", "time": 7, "cells": [["a", "b"], ["c"]]}
//
// Column and member `time` may be missing, or empty: then a client's updates count 1, 2, 3.
//
// A log has an order, so there are no circles: what depends on an id that is not on an earlier line
// is refused, as are ids that come twice and times that do not grow; with file and line.
#pragma once

#include <string>

#include "accountability/catalogue.h"

namespace steward::accountability {

struct LogFile {
  std::string name;  // for messages
  Bytes text;
};

// Told apart by the first character of the text, which for JSONL is '{'.
Result<Catalogue> read_log(const LogFile& file, const ImportProgress& progress = {});

}  // namespace steward::accountability
