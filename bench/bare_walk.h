#pragma once

#include <simdjson.h>

#include <cstdint>

// What reading JSON costs at least: a walk over it that keeps nothing.
namespace catchment::bench {

/// Visits every value below; returns how many there are.
inline int64_t Walk(simdjson::ondemand::value value) {
  switch (value.type().value()) {
    case simdjson::ondemand::json_type::object: {
      int64_t values = 1;
      simdjson::ondemand::object object = value.get_object().value();
      for (auto field : object) values += Walk(field.value().value());
      return values;
    }
    case simdjson::ondemand::json_type::array: {
      int64_t values = 1;
      simdjson::ondemand::array array = value.get_array().value();
      for (auto element : array) values += Walk(element.value());
      return values;
    }
    default:
      return value.raw_json_token().empty() ? 0 : 1;
  }
}

/// The same for a whole document.
inline int64_t Walk(simdjson::ondemand::parser& parser, const simdjson::padded_string& text) {
  simdjson::ondemand::document document = parser.iterate(text).value();
  return Walk(document.get_value().value());
}

}  // namespace catchment::bench
