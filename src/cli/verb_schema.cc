#include <memory>

#include "app/validate.h"
#include "cli/engine_verbs.h"

namespace catchment::cli {

void SetUpSchema(CLI::App& app, Session& session) {
  auto kind = std::make_shared<std::string>("pipeline");
  app.add_option("kind", *kind, "pipeline (default), config or world")
      ->check(CLI::IsMember({"pipeline", "config", "world"}));
  app.callback([kind, &session] {
    const auto schema = app::SchemaOf(*kind);
    if (!schema.ok()) return session.Fail(schema.status());
    PrintText(schema->dump(2));
  });
}

}  // namespace catchment::cli
