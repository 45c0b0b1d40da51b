#include "simulator/cmr_service_internal.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/text.h"

namespace catchment::simulator {
namespace {

constexpr int64_t kMostOnPage = 2000;
constexpr int64_t kUsualOnPage = 10;
constexpr size_t kFlushAt = 256 << 10;

struct CmrSearch {
  GranuleQuery query;
  int64_t page_size = kUsualOnPage;
  std::optional<GranuleKey> after;
};

HttpResponse CmrErrors(int status, const std::string& text) {
  const nlohmann::json body = {{"errors", {text}}};
  HttpResponse response;
  response.status = status;
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

std::optional<double> ReadDegrees(std::string_view text, double most) {
  text = Trim(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= -most && value <= most)) return std::nullopt;
  return value;
}

Result<GeoBox> ReadBox(const std::string& text) {
  const std::vector<std::string> parts = Split(text, ',');
  if (parts.size() == 4) {
    const auto west = ReadDegrees(parts[0], 180), south = ReadDegrees(parts[1], 90);
    const auto east = ReadDegrees(parts[2], 180), north = ReadDegrees(parts[3], 90);
    if (west && south && east && north) {
      if (*south <= *north) return GeoBox{*west, *south, *east, *north};
      return Invalid("The bounding_box north value [{}] was less than the south value [{}]", *north,
                     *south);
    }
  }
  return Invalid("[{}] is not a valid URL encoded bounding_box", text);
}

Result<std::optional<Time>> ReadBound(std::string_view text, std::string_view which) {
  text = Trim(text);
  if (text.empty()) return std::optional<Time>();
  const Result<Time> time = ParseTime(text);
  if (!time.ok()) {
    return Invalid("temporal {} datetime is invalid: [{}] is not a valid datetime.", which, text);
  }
  return std::optional<Time>(*time);
}

Status ReadTemporal(const std::string& text, GranuleQuery& query) {
  const std::vector<std::string> parts = Split(text, ',');
  if (parts.size() > 2) return Invalid("temporal condition with periodic range is not simulated");
  ASSIGN_OR_RETURN(query.from, ReadBound(parts[0], "start"));
  if (parts.size() == 2) {
    ASSIGN_OR_RETURN(query.to, ReadBound(parts[1], "end"));
  }
  if (query.from && query.to && *query.from > *query.to) {
    return Invalid("start_date [{}] must be before end_date [{}]", parts[0], parts[1]);
  }
  return {};
}

Status ReadField(const std::string& name, const std::string& value, CmrSearch& search) {
  if (name == "collection_concept_id[]" || name == "collection_concept_id") {
    for (size_t i = 0; i < kHlsProducts.size(); ++i) {
      if (value == kHlsProducts[i].concept_id) search.query.products[i] = true;
    }
    if (!value.starts_with("C") || value.find('-') == std::string::npos) {
      return Invalid("Concept-id [{}] is not valid.", value);
    }
  } else if (name == "temporal[]" || name == "temporal") {
    if (search.query.from || search.query.to) return Invalid("one temporal range is simulated");
    return ReadTemporal(value, search.query);
  } else if (name == "bounding_box" || name == "bounding_box[]") {
    if (search.query.box) return Invalid("one bounding_box is simulated");
    ASSIGN_OR_RETURN(search.query.box, ReadBox(value));
  } else if (name == "updated_since") {
    const Result<Time> time = ParseTime(value);
    if (!time.ok())
      return Invalid("updated_since datetime is invalid: [{}] is not a valid datetime.", value);
    search.query.updated_since = *time;
  } else if (name == "page_size") {
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), search.page_size);
    if (error != std::errc() || end != value.data() + value.size() || search.page_size < 0 ||
        search.page_size > kMostOnPage) {
      return Invalid("page_size must be a number between 0 and 2000");
    }
  } else {
    return Invalid("Parameter [{}] was not recognized.", name);
  }
  return {};
}

// `["lpcloud",1759424679336,3790086838]`
std::string TokenOf(const GranuleKey& key) {
  return fmt::format(R"(["lpcloud",{},{}])", key.start_ms, key.number);
}

Status ReadToken(std::string_view text, std::optional<GranuleKey>& after) {
  if (text.empty()) return {};
  const nlohmann::json token = nlohmann::json::parse(text, nullptr, false);
  if (!token.is_array() || token.size() != 3 || token[0] != "lpcloud" ||
      !token[1].is_number_integer() || !token[2].is_number_integer()) {
    return Invalid("The search_after [{}] is not valid.", text);
  }
  after = GranuleKey{token[1].get<int64_t>(), token[2].get<int64_t>()};
  return {};
}

Result<CmrSearch> ReadSearch(const HttpRequest& request, Time now) {
  CmrSearch search;
  search.query.now = now;
  for (const auto& [name, value] : ParseQuery(request.query)) {
    RETURN_IF_ERROR(ReadField(name, value, search));
  }
  RETURN_IF_ERROR(ReadToken(request.Header("cmr-search-after"), search.after));
  if (request.query.find("collection_concept_id") == std::string::npos) {
    search.query.products.fill(true);
  }
  return search;
}

// Takes a text piece by piece, packed if asked for.
class PageWriter {
 public:
  explicit PageWriter(bool packed) : packed_(packed) {
    if (packed_) deflateInit2(&stream_, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  }
  ~PageWriter() {
    if (packed_) deflateEnd(&stream_);
  }
  PageWriter(const PageWriter&) = delete;
  PageWriter& operator=(const PageWriter&) = delete;

  std::string& text() { return text_; }
  void MayFlush() {
    if (packed_ && text_.size() >= kFlushAt) Pack(Z_NO_FLUSH);
  }
  std::string Finish() {
    if (!packed_) return std::move(text_);
    Pack(Z_FINISH);
    return std::move(body_);
  }

 private:
  void Pack(int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(text_.data());
    stream_.avail_in = static_cast<uInt>(text_.size());
    do {
      const size_t before = body_.size();
      body_.resize(before + (64 << 10));
      stream_.next_out = reinterpret_cast<Bytef*>(body_.data() + before);
      stream_.avail_out = 64 << 10;
      deflate(&stream_, flush);
      body_.resize(body_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
    text_.clear();
  }

  const bool packed_;
  z_stream stream_{};
  std::string text_, body_;
};

int64_t CountOf(const Fault* fault, int64_t size) {
  return std::min(size, fault == nullptr ? 0 : fault->count);
}

}  // namespace

FaultSubject CmrService::Describe(const HttpRequest& request) const {
  FaultSubject subject;
  subject.path = request.path;
  if (!request.query.empty()) subject.path += "?" + PercentDecode(request.query, true);
  const std::string_view token = request.Header("cmr-search-after");
  if (!token.empty()) subject.path += fmt::format("#{}", token);
  subject.target = subject.path;
  return subject;
}

std::string CmrService::CountedAs(const HttpRequest& request) const {
  if (request.path != kPath) return "";
  std::string collections, day = "-";
  std::string_view kind = "entries";
  for (const auto& [name, value] : ParseQuery(request.query)) {
    if (name.starts_with("collection_concept_id")) {
      for (const HlsProduct& product : kHlsProducts) {
        if (value != product.concept_id) continue;
        collections += fmt::format("{}{}", collections.empty() ? "" : "+", product.collection);
      }
    } else if (name.starts_with("temporal")) {
      if (value.size() >= 10) day = value.substr(0, 10);
    } else if (name == "updated_since") {
      kind = "updated";
    } else if (name == "page_size" && (value == "0" || value == "1") && kind == "entries") {
      kind = "hits";
    }
  }
  return fmt::format("{} {} {}", collections.empty() ? "-" : collections, day, kind);
}

ServiceAnswer CmrService::Answer(const HttpRequest& request, const ActiveFaults& active, Time now) {
  if (request.path != kPath) return {CmrErrors(404, "The requested URL is not found"), ""};
  if (request.method != "GET") return {CmrErrors(405, "only GET is simulated"), ""};
  const Result<CmrSearch> search = ReadSearch(request, now);
  if (!search.ok()) return {CmrErrors(400, search.error().message), ""};
  std::vector<GranuleHandle> found;
  int64_t hits =
      granules_.Find(search->query, search->after, static_cast<size_t>(search->page_size), found);
  HttpResponse response;
  response.content_type = "application/json;charset=utf-8";
  const Fault* time_out = active.Find("time_out");
  if (time_out != nullptr) {  // a subset, and a header that says so
    const auto kept = static_cast<int64_t>(found.size()) / 2;
    found.resize(static_cast<size_t>(time_out->size ? std::min(*time_out->size, kept) : kept));
    response.headers.emplace_back(time_out->field.empty() ? "CMR-Time-Out" : time_out->field,
                                  "true");
  }
  const std::string token = found.empty() ? "" : TokenOf(found.back().key);
  const auto size = static_cast<int64_t>(found.size());
  if (const Fault* fault = active.Find("omit_entries")) {
    const auto from = found.begin() + std::min(fault->at, size);
    found.erase(from, from + CountOf(fault, found.end() - from));
  }
  if (const Fault* fault = active.Find("repeat_entries")) {
    const int64_t from = std::min(fault->at, static_cast<int64_t>(found.size()));
    const int64_t count = CountOf(fault, static_cast<int64_t>(found.size()) - from);
    const std::vector<GranuleHandle> again(found.begin() + from, found.begin() + from + count);
    found.insert(found.end(), again.begin(), again.end());
  }
  if (const Fault* fault = active.Find("wrong_hits")) hits += fault->count;
  if (active.Find("no_hits") == nullptr)
    response.headers.emplace_back("CMR-Hits", fmt::to_string(hits));
  if (!token.empty() && active.Find("no_token") == nullptr) {
    const std::string_view asked = request.Header("cmr-search-after");
    const bool repeat = active.Find("repeat_token") != nullptr && !asked.empty();
    response.headers.emplace_back("CMR-Search-After", repeat ? std::string(asked) : token);
  }
  response.headers.emplace_back("CMR-Took", "300");
  response.headers.emplace_back("Vary", "Accept-Encoding");
  const bool packed = request.Header("accept-encoding").find("gzip") != std::string_view::npos;
  PageWriter page(packed);
  page.text() +=
      fmt::format(R"({{"feed":{{"updated":"{}","id":{},"title":"ECHO granule metadata","entry":[)",
                  FormatTime(now),
                  nlohmann::json("https://cmr.earthdata.nasa.gov:443" + request.target)
                      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const EntryFaults entry_faults{.no_link = active.Find("no_link") != nullptr,
                                 .other_link = active.Find("other_link") != nullptr};
  for (size_t i = 0; i < found.size(); ++i) {
    if (i > 0) page.text() += ',';
    granules_.AppendEntry(found[i], now, entry_faults, page.text());
    page.MayFlush();
  }
  page.text() += active.Find("bad_json") == nullptr ? "]}}" : "]";
  response.body = page.Finish();
  if (packed) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    if (active.Find("broken_gzip") != nullptr && response.body.size() > 32) {
      response.body.resize(response.body.size() / 2);
    }
  }
  return {std::move(response), ""};
}

}  // namespace catchment::simulator
