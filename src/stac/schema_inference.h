#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "stac/item_schema.h"
#include "stac/quarantine.h"

namespace catchment::stac {

/// Unites the types of all items into one schema: the first of two passes.
///
///   SchemaInference inference;
///   for (body) if (auto bad = inference.Add(body)) …   // counted by the second pass again
///   ASSIGN_OR_RETURN(ItemSchema schema, inference.Finish({.max_columns = 2000}));
///
/// The result depends neither on the order of the items nor on how they were divided among several
/// objects. Not thread-safe: one object a thread, then Unite().
class SchemaInference {
 public:
  SchemaInference();
  ~SchemaInference();
  SchemaInference(SchemaInference&&) noexcept;
  SchemaInference& operator=(SchemaInference&&) noexcept;

  /// Take note of an item. Those that ItemColumns would refuse whatever the schema leave no trace,
  /// and the reason is returned.
  std::optional<Quarantined> Add(std::string_view body);
  /// Take note of all that `other` saw.
  void Unite(const SchemaInference& other);

  struct Options {
    int64_t max_columns = 2000;
    /// Not empty: where no item has one, `collection` is added.
    std::string collection;
  };
  /// kInvalid: more leaves than `max_columns`; the message names the widest fields.
  Result<ItemSchema> Finish(const Options& options) const;

  int64_t items() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace catchment::stac
