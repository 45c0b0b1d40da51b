#include <zlib.h>

#include <algorithm>

#include "base/text.h"
#include "simulator/faults_internal.h"

namespace catchment::simulator {

uint64_t SeededHash(uint64_t seed, std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u ^ seed;  // FNV-1a, then the finisher of splitmix64
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  hash += 0x9e3779b97f4a7c15u * (seed + 1);
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

double SeededShare(uint64_t seed, std::string_view text) {
  return static_cast<double>(SeededHash(seed, text) >> 11) * 0x1.0p-53;
}

const Fault* ActiveFaults::Find(std::string_view answer) const {
  for (const Fault* fault : faults) {
    if (fault->answer == answer) return fault;
  }
  return nullptr;
}

std::string ActiveFaults::Names() const {
  std::string names;
  for (size_t i = 0; i < faults.size(); ++i) {
    const auto same = [&](const Fault* other) { return other->answer == faults[i]->answer; };
    if (std::any_of(faults.begin(), faults.begin() + static_cast<ptrdiff_t>(i), same)) continue;
    names += (names.empty() ? "" : "+") + faults[i]->answer;
  }
  return names;
}

FaultPlan::FaultPlan(std::vector<Fault> faults, uint64_t seed)
    : faults_(std::move(faults)), seed_(seed), counters_(faults_.size()) {}

ActiveFaults FaultPlan::Select(const FaultSubject& subject, Time now) {
  ActiveFaults active;
  if (faults_.empty()) return active;
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < faults_.size(); ++i) {
    const Fault& fault = faults_[i];
    const bool matches =
        GlobMatch(fault.path, subject.path) && (!fault.skip || fault.skip == subject.skip) &&
        (fault.filter.empty() || fault.filter == subject.filter) &&
        (fault.body_glob == "*" || GlobMatch(fault.body_glob, subject.body)) &&
        (!fault.since || now >= *fault.since) && (!fault.until || now < *fault.until);
    if (matches && Hits(fault, i, counters_[i], subject)) active.faults.push_back(&fault);
  }
  return active;
}

bool FaultPlan::Hits(const Fault& fault, size_t index, Counters& counters,
                     const FaultSubject& subject) {
  if (fault.share &&
      SeededShare(seed_, fmt::format("{}|{}", index, subject.target)) >= *fault.share) {
    return false;
  }
  const int64_t number = ++counters.matched;
  if (fault.times && counters.applied >= *fault.times) return false;
  if (!fault.nth.empty() &&
      std::find(fault.nth.begin(), fault.nth.end(), number) == fault.nth.end()) {
    return false;
  }
  if (fault.first && number < *fault.first) return false;
  if (fault.last && number > *fault.last) return false;
  if (fault.rate) {
    const int64_t ordinal = counters.by_target[SeededHash(seed_, subject.target)]++;
    const std::string key = fmt::format("{}|{}|{}", index, ordinal, subject.target);
    if (SeededShare(seed_, key) >= *fault.rate) return false;
  }
  ++counters.applied;
  return true;
}

std::optional<HttpResponse> GenericAnswer(const ActiveFaults& active) {
  for (const Fault* fault : active.faults) {
    HttpResponse response;
    if (fault->answer == "status") {
      response.status = fault->status;
      response.content_type = fault->content_type;
      response.body = fault->body.value_or(fmt::format("simulated status {}", fault->status));
      if (fault->retry_after) response.headers.emplace_back("Retry-After", *fault->retry_after);
    } else if (fault->answer == "reset" || fault->answer == "close") {
      response.status = 0;
      response.ending = fault->answer == "reset" ? Ending::kReset : Ending::kClosed;
    } else if (fault->answer == "html") {
      response.content_type = "text/html; charset=utf-8";
      response.body = fault->body.value_or(
          "<!DOCTYPE html><html><head><title>Sign in</title></head><body>"
          "<h1>The service is being maintained</h1></body></html>");
    } else if (fault->answer == "gzip_bomb") {
      response.headers.emplace_back("Content-Encoding", "gzip");
      response.body = GzipBomb(fault->size.value_or(int64_t{256} << 20));
    } else if (fault->answer != "empty_body") {
      continue;
    }
    return response;
  }
  return std::nullopt;
}

void SpoilDelivery(const ActiveFaults& active, HttpResponse& response) {
  if (active.Find("truncate") != nullptr) response.ending = Ending::kTruncated;
  if (active.Find("hang") != nullptr) response.ending = Ending::kNever;
  if (const Fault* fault = active.Find("trickle")) {
    response.bytes_per_second = fault->size.value_or(1000);
  }
}

std::chrono::milliseconds ExtraLatency(const ActiveFaults& active) {
  std::chrono::milliseconds sum{0};
  for (const Fault* fault : active.faults) {
    if (fault->answer == "slow") sum += fault->latency;
  }
  return sum;
}

// One MiB of zeros is compressed once, ended by a full flush, so that it stands for itself, and
// repeated.
std::string GzipBomb(int64_t unpacked) {
  const std::string zeros(1 << 20, '\0');
  std::string chunk(1 << 16, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
  stream.avail_out = static_cast<uInt>(chunk.size());
  deflate(&stream, Z_FULL_FLUSH);
  chunk.resize(chunk.size() - stream.avail_out);
  deflateEnd(&stream);

  const auto length = static_cast<z_off_t>(zeros.size());
  const uLong one = crc32(0, reinterpret_cast<const Bytef*>(zeros.data()), zeros.size());
  const int64_t chunks = std::max<int64_t>(1, (unpacked + length - 1) / length);
  std::string bomb("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10);
  uLong crc = 0;
  for (int64_t i = 0; i < chunks; ++i) {
    bomb += chunk;
    crc = i == 0 ? one : crc32_combine(crc, one, length);
  }
  bomb += std::string("\x03\x00", 2);  // an empty last block
  const auto size = static_cast<uint32_t>(chunks * length);
  for (const uint32_t number : {static_cast<uint32_t>(crc), size}) {
    for (int shift = 0; shift < 32; shift += 8) bomb += static_cast<char>(number >> shift);
  }
  return bomb;
}

}  // namespace catchment::simulator
