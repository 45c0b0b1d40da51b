#include "sources/generic/http_source.h"

#include <arrow/api.h>

#include "base/test.h"
#include "columnar/csv_file.h"
#include "net/fake_transport.h"
#include "net/secrets.h"

namespace catchment::sources::generic {
namespace {

using net::Answer;
using net::FakeTransport;
using net::Request;
using net::Response;

class HttpSourceTest : public testing::Test {
 protected:
  HttpSourceTest() {
    context_.clock = &clock_;
    input_.task = "rows";
    input_.slot = clock_.Now();
  }

  SourceResult Collect(const std::map<std::string, Response>& answers, nlohmann::json parameters) {
    FakeTransport service([&](const Request& request) -> Result<Response> {
      const auto found = answers.find(request.url);
      return found == answers.end() ? Answer(404, "no such page") : found->second;
    });
    input_.transport = &service;
    parameters.emplace("url", "https://h.example/items");
    input_.parameters = std::move(parameters);
    Result<SourceResult> result = HttpSource().make()->Collect(input_, context_);
    EXPECT_OK(result);
    requests_ = service.requests();
    return *std::move(result);
  }

  static std::string Csv(const SourceResult& result) {
    const auto found = result.tables.find("");
    return found == result.tables.end() ? "none: " + result.report.reason
                                        : *columnar::FormatCsv(found->second);
  }

  ManualClock clock_{*ParseTime("2026-01-28T00:00:00Z")};
  OpContext context_;
  SourceInput input_;
  std::vector<Request> requests_;
};

TEST_F(HttpSourceTest, ReadsItemsByPointersWithDeclaredTypes) {
  const SourceResult result =
      Collect({{"https://h.example/items?kind=a%20b&n=5",
                Answer(200, R"({"data":{"list":[{"id":1,"p":{"usd":"2.5"}},{"id":2}]}})")}},
              {{"query", {{"kind", "a b"}, {"n", 5}}},
               {"items", "/data/list"},
               {"columns",
                {{{"name", "id"}, {"type", "int64"}},
                 {{"name", "price"}, {"pointer", "/p/usd"}, {"type", "text"}}}}});
  EXPECT_EQ(Csv(result), "id,price\n1,2.5\n2,\n");
  EXPECT_EQ(result.report.coverage[0].unit, "page");
  EXPECT_EQ(result.report.coverage[0].answered, 1);
}

TEST_F(HttpSourceTest, FollowsLinksCursorsPagesAndOffsets) {
  const auto page = [](std::string_view items, std::string_view next = "null") {
    return Answer(200, fmt::format(R"({{"items":[{}],"next":{}}})", items, next));
  };
  const std::string a = R"({"n":1},{"n":2})", b = R"({"n":3})";
  const std::string base = "https://h.example/items";
  EXPECT_EQ(Csv(Collect(
                {{base, page(a, "\"/items?p=2\"")}, {base + "?p=2", page(b)}},
                {{"items", "/items"}, {"paging", {{"kind", "next_link"}, {"pointer", "/next"}}}})),
            "n\n1\n2\n3\n");
  EXPECT_EQ(
      Csv(Collect({{base, page(a, "\"x=\"")}, {base + "?cursor=x%3D", page(b, "\"\"")}},
                  {{"items", "/items"}, {"paging", {{"kind", "cursor"}, {"pointer", "/next"}}}})),
      "n\n1\n2\n3\n");
  EXPECT_EQ(
      Csv(Collect(
          {{base + "?page=1", page(a)}, {base + "?page=2", page(b)}, {base + "?page=3", page("")}},
          {{"items", "/items"}, {"columns", {{"n", "int64"}}}, {"paging", {{"kind", "page"}}}})),
      "n\n1\n2\n3\n");
  EXPECT_EQ(Csv(Collect({{base + "?from=0&limit=2", page(a)}, {base + "?from=2&limit=2", page(b)}},
                        {{"items", "/items"},
                         {"paging",
                          {{"kind", "offset"},
                           {"parameter", "from"},
                           {"size", 2},
                           {"size_parameter", "limit"}}}})),
            "n\n1\n2\n3\n");
}

TEST_F(HttpSourceTest, AMissingPageIsNeverPassedOver) {
  const std::map<std::string, Response> answers = {
      {"https://h.example/items?page=1", Answer(200, R"([{"n":1}])")},
      {"https://h.example/items?page=2", Answer(503)},
      {"https://h.example/items?page=3", Answer(200, R"([{"n":3}])")}};
  const SourceResult whole = Collect(answers, {{"paging", {{"kind", "page"}}}});
  EXPECT_EQ(whole.report.state, SourceState::kUnavailable);
  EXPECT_NE(whole.report.reason.find("page 2"), std::string::npos) << whole.report.reason;
  EXPECT_TRUE(whole.tables.empty());
  const SourceResult part = Collect(answers, {{"paging", {{"kind", "page"}}}, {"partial", true}});
  EXPECT_EQ(part.report.state, SourceState::kPartial);
  EXPECT_EQ(part.report.gaps.size(), 1u);
  EXPECT_EQ(Csv(part), "n\n1\n");
  const CoverageRow& row = part.report.coverage[0];
  EXPECT_EQ(row.expected, row.answered + row.missing.at("failed"));
}

TEST_F(HttpSourceTest, LoopsForeignLinksAndEndlessListsAreHoles) {
  const auto collect = [&](const std::string& next,
                           const nlohmann::json& more = nlohmann::json::object()) {
    nlohmann::json paging = {{"kind", "next_link"}, {"pointer", "/next"}};
    paging.update(more);
    return Collect({{"https://h.example/items",
                     Answer(200, fmt::format(R"({{"items":[{{"n":1}}],"next":"{}"}})", next))}},
                   {{"items", "/items"}, {"paging", paging}})
        .report.reason;
  };
  EXPECT_NE(collect("/items").find("given before"), std::string::npos);
  EXPECT_NE(collect("https://other.example/items").find("elsewhere"), std::string::npos);
  EXPECT_NE(collect("/items?2", {{"max_pages", 1}}).find("more than 1 pages"), std::string::npos);
}

TEST_F(HttpSourceTest, WhatIsNotTheDeclaredFormIsUnavailable) {
  for (const std::string_view body :
       {"<html>", "{}", R"({"items":5})", R"({"items":[1]})", R"({"items":[{"n":"x"}]})"}) {
    const SourceResult result =
        Collect({{"https://h.example/items", Answer(200, std::string(body))}},
                {{"items", "/items"}, {"columns", {{"n", "int64"}}}});
    EXPECT_EQ(result.report.state, SourceState::kUnavailable) << body;
    EXPECT_FALSE(result.report.reason.empty());
  }
  EXPECT_EQ(Collect({{"https://h.example/items", Answer(401)}}, nlohmann::json::object())
                .report.gaps[0]
                .reason,
            "credentials");
}

TEST_F(HttpSourceTest, CsvPagesAreRead) {
  EXPECT_EQ(
      Csv(Collect({{"https://h.example/items", Answer(200, "n,m\n1,a\n")}}, {{"format", "csv"}})),
      "n,m\n1,a\n");
}

TEST_F(HttpSourceTest, SecretsAreSentInHeaders) {
  const char* environment[] = {"KEY=s3cret", nullptr};
  net::LocalSecretStore secrets(environment);
  input_.secrets = &secrets;
  const nlohmann::json headers = {{"X-Key", {{"secret", "env:KEY"}, {"prefix", "Token "}}},
                                  {"Accept", "application/json"}};
  Collect({{"https://h.example/items", Answer(200, R"([{"n":1}])")}}, {{"headers", headers}});
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].headers.Get("X-Key"), "Token s3cret");
  EXPECT_EQ(requests_[0].headers.Get("Accept"), "application/json");
  const SourceResult missing = Collect({}, {{"headers", {{"X-Key", {{"secret", "env:OTHER"}}}}}});
  EXPECT_EQ(missing.report.error_code, "denied");
  EXPECT_TRUE(requests_.empty());
}

TEST_F(HttpSourceTest, WrongParametersAreRefused) {
  const std::pair<nlohmann::json, std::string> wrong[] = {
      {{{"url", "ftp://x"}}, "url"},
      {{{"url", "https://h/"}, {"items", "no-pointer"}}, "items"},
      {{{"url", "https://h/"}, {"paging", {{"kind", "scroll"}}}}, "next_link"},
      {{{"url", "https://h/"}, {"paging", {{"kind", "cursor"}}}}, "pointer"},
      {{{"url", "https://h/"}, {"method", "PUT"}}, "GET or POST"},
      {{{"url", "https://h/"}, {"headers", {{"A", 5}}}}, "secret"},
      {{{"url", "https://h/"}, {"headers", {{"Authorization", "Bearer s3cret"}}}},
       "header Authorization: a secret is named by a reference"},
      {{{"url", "https://h/"}, {"headers", {{"A", {{"secret", "s3cret"}}}}}},
       "header A: a secret is named by a reference"},
      {{{"url", "https://h/"}, {"headers", {{"A", {{"secret", {"env:A", "s3cret"}}}}}}},
       "header A: a secret is named by a reference"},
      {{{"url", "https://h/"}, {"headers", {{"A", {{"secret", nlohmann::json::array()}}}}}},
       "secret"},
      {{{"url", "https://h/"}, {"colums", 1}}, "did you mean 'columns'"}};
  for (const auto& [parameters, message] : wrong) {
    FakeTransport service([](const Request&) -> Result<Response> { return Answer(200, "[]"); });
    input_.transport = &service;
    input_.parameters = parameters;
    const auto collected = HttpSource().make()->Collect(input_, context_);
    EXPECT_ERROR(collected, Code::kInvalid, message);
    EXPECT_EQ(collected.status().ToString().find("s3cret"), std::string::npos);
    EXPECT_ERROR(HttpSource().columns(input_), Code::kInvalid, collected.status().ToString());
  }
}

}  // namespace
}  // namespace catchment::sources::generic
