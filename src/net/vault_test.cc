#include "net/vault.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/digest.h"
#include "base/file.h"
#include "base/test.h"
#include "net/fake_transport.h"
#include "net/faulty_transport.h"
#include "net/memory_blob_store.h"

namespace catchment::net {

using namespace std::chrono_literals;

namespace {

struct VaultFixture {
  VaultFixture() { context.clock = &clock; }
  std::unique_ptr<ExchangeLog> Log() {
    auto log = ExchangeLog::Open(folder.path);
    EXPECT_OK(log);
    return log.ok() ? *std::move(log) : nullptr;
  }
  TemporaryFolder folder;
  ManualClock clock{Time() + 20'000 * 24h};
  OpContext context;
  MemoryBlobStore vault;
};

Request Get(std::string url) { return {.url = std::move(url)}; }

std::string Noise(size_t bytes, uint32_t seed) {
  std::string text(bytes, '\0');
  for (char& c : text) {
    seed = seed * 1664525 + 1013904223;
    c = static_cast<char>(seed >> 24);
  }
  return text;
}

}  // namespace

TEST(VaultTest, WhatWasRecordedIsReplayedWithoutNetwork) {
  VaultFixture f;
  FakeTransport service([](const Request& request) -> Result<Response> {
    if (request.url.ends_with("/down")) return Unavailable("{}: reset", request.Name());
    return Answer(200, "body of " + request.url, {{"ETag", "\"1\""}, {"Set-Cookie", "secret"}});
  });
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  ASSERT_OK_AND_ASSIGN(const Response live, recording.Send(Get("https://h/a"), f.context));
  EXPECT_ERROR(recording.Send(Get("https://h/down"), f.context), Code::kUnavailable, "reset");
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));
  f.clock.Advance(1h);

  ASSERT_OK_AND_ASSIGN(const auto exchanges, ReadExchanges(f.vault, sealed.list_sha256));
  ReplayTransport replay(f.vault, exchanges, "price");

  ASSERT_OK_AND_ASSIGN(const Response again, replay.Send(Get("https://H:443/a"), f.context));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, live.body);
  EXPECT_EQ(again.headers.fields(), live.headers.fields());
  EXPECT_EQ(again.received, live.received);
  EXPECT_ERROR(replay.Send(Get("https://h/down"), f.context), Code::kUnavailable,
               "GET https://h/down: reset");
  EXPECT_ERROR(replay.Send(Get("https://h/b"), f.context), Code::kNotFound, "https://h/b");
  EXPECT_ERROR(replay.Send(Get("https://h/a"), f.context), Code::kNotFound, "asked once more");
  ReplayTransport other(f.vault, exchanges, "interruption");
  EXPECT_ERROR(other.Send(Get("https://h/a"), f.context), Code::kNotFound, "interruption");
}

TEST(VaultTest, IdenticalRequestsAreToldApartByTheirOrder) {
  VaultFixture f;
  int asked = 0;
  FakeTransport service([&](const Request&) -> Result<Response> {
    ++asked;
    return Answer(asked < 3 ? 503 : 200, std::to_string(asked));
  });
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  for (int i = 0; i < 3; ++i) ASSERT_OK(recording.Send(Get("https://h/a"), f.context));
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));
  ReplayTransport replay(f.vault, sealed.exchanges, "price");
  for (const char* body : {"1", "2", "3"}) {
    ASSERT_OK_AND_ASSIGN(const Response response, replay.Send(Get("https://h/a"), f.context));
    EXPECT_EQ(response.body, body);
  }
}

TEST(VaultTest, BodyAndChoosingHeadersTellRequestsApart) {
  const auto key = [](const Request& request) { return *KeyOf(request, "t"); };
  Request post{.method = "POST", .url = "https://h/", .body = "a"};
  const ExchangeKey first = key(post);
  EXPECT_EQ(first.body_sha256, Sha256Hex("a"));
  post.headers = {{"CMR-Search-After", "[1]"}, {"Authorization", "Bearer x"}, {"Accept", "*/*"}};
  EXPECT_EQ(key(post).vary, "cmr-search-after: [1]");
  post.body = "b";
  EXPECT_NE(key(post).body_sha256, first.body_sha256);
}

TEST(VaultTest, AMessageShowsNoSecretOfAUrl) {
  net::Request request = Get("https://h/x?api_key=s3cret&page=2");
  EXPECT_EQ(request.Name().find("s3cret"), std::string::npos);
  EXPECT_NE(request.Name().find("page=2"), std::string::npos);
}

TEST(VaultTest, SecretsNeverReachTheVault) {
  VaultFixture f;
  FakeTransport service([](const Request& request) -> Result<Response> {
    return Answer(request.url.find("/login") != std::string::npos ? 200 : 302, "body",
                  {{"Set-Cookie", "hunter2"},
                   {"Location", "https://h/x?X-Amz-Signature=hunter2&a=1"},
                   {"x-ms-ratelimit-remaining-subscription-writes", "7"}});
  });
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  Request login = Get("https://h/login?client_secret=hunter2");
  login.record = false;
  ASSERT_OK(recording.Send(login, f.context));
  Request request =
      Get("https://h/subscriptions/hunter2/x?api_key=hunter2&q=1&X-Amz-Signature=hunter2");
  request.headers = {{"Authorization", "Bearer hunter2"}, {"x-api-key", "hunter2"}};
  request.redact = {{"subscriptions/hunter2", "subscriptions/digest"}};
  ASSERT_OK_AND_ASSIGN(const Response response, recording.Send(request, f.context));
  EXPECT_EQ(response.headers.Find("set-cookie"), nullptr);
  EXPECT_EQ(response.headers.Get("X-MS-RateLimit-Remaining-Subscription-Writes"), "7");
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));

  ASSERT_EQ(sealed.exchanges.size(), 1u);
  EXPECT_EQ(sealed.exchanges[0].key.url,
            "https://h/subscriptions/digest/x?api_key=***&q=1&X-Amz-Signature=***");
  EXPECT_EQ(FormatExchange(sealed.exchanges[0]).find("hunter2"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const std::string spool, ReadFile(f.folder.path / "exchanges.log"));
  EXPECT_EQ(spool.find("hunter2"), std::string::npos);
  ReplayTransport replay(f.vault, sealed.exchanges, "price");
  EXPECT_OK(replay.Send(request, f.context));
  EXPECT_ERROR(replay.Send(login, f.context), Code::kNotFound, "never recorded");
}

TEST(VaultTest, TheSameExchangesGiveTheSameBytesInAnyOrder) {
  FakeTransport service([](const Request& request) -> Result<Response> {
    return Answer(200, "body of " + request.url);
  });
  std::vector<std::string> urls;
  for (int i = 0; i < 50; ++i) urls.push_back(fmt::format("https://h/{}", i));
  std::vector<std::string> names[2];
  std::string lists[2];
  for (int round = 0; round < 2; ++round) {
    VaultFixture f;
    const auto log = f.Log();
    RecordingTransport recording(service, *log, "price");
    for (const std::string& url : urls) ASSERT_OK(recording.Send(Get(url), f.context));
    ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));
    names[round] = f.vault.Names();
    lists[round] = sealed.list_sha256;
    std::reverse(urls.begin(), urls.end());
  }
  EXPECT_EQ(names[0], names[1]);
  EXPECT_EQ(lists[0], lists[1]);
  EXPECT_EQ(names[0].size(), 2u);  // one pack, one list
}

TEST(VaultTest, SmallBodiesShareAPackAndLargeOnesStandAlone) {
  VaultFixture f;
  FakeTransport service([](const Request& request) -> Result<Response> {
    if (request.url.ends_with("/large")) return Answer(200, Noise(1 << 20, 1));
    if (request.url.ends_with("/empty")) return Answer(204, "");
    if (request.url.ends_with("/same")) return Answer(200, Noise(700'000, 2));
    return Answer(200, Noise(700'000, static_cast<uint32_t>(Sha256Hex(request.url)[0]) * 31u +
                                          static_cast<uint32_t>(request.url.back())));
  });
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  std::vector<Request> requests = {Get("https://h/large"), Get("https://h/empty"),
                                   Get("https://h/same"), Get("https://h/2/same")};
  for (int i = 0; i < 30; ++i) requests.push_back(Get(fmt::format("https://h/{}/{}", i, i % 10)));
  for (const Request& request : requests) ASSERT_OK(recording.Send(request, f.context));

  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));

  EXPECT_EQ(f.vault.Names(), sealed.objects);
  int packs = 0;
  for (const std::string& name : sealed.objects) {
    if (!name.starts_with("vault/packs/")) continue;
    ++packs;
    ASSERT_OK_AND_ASSIGN(const std::string bytes, f.vault.Get(name));
    EXPECT_EQ(name, PackObject(Sha256Hex(bytes)));
    EXPECT_LE(bytes.size(), (16u << 20) + 4096);
    ASSERT_OK(ParsePackIndex(bytes));
  }
  EXPECT_GE(packs, 2);
  for (const Exchange& exchange : sealed.exchanges) {
    ASSERT_OK_AND_ASSIGN(const std::string body, ReadBody(f.vault, exchange));
    EXPECT_EQ(body.size(), exchange.bytes);
  }
  EXPECT_EQ(std::count_if(sealed.exchanges.begin(), sealed.exchanges.end(),
                          [](const Exchange& e) { return e.object.empty(); }),
            1);
}

TEST(VaultTest, BodiesOfEarlierRunsAreNotStoredAgain) {
  VaultFixture f;
  FakeTransport service([](const Request&) -> Result<Response> { return Answer(200, "same"); });
  SealedExchanges earlier;
  {
    const auto log = f.Log();
    RecordingTransport recording(service, *log, "price");
    ASSERT_OK(recording.Send(Get("https://h/a"), f.context));
    ASSERT_OK_AND_ASSIGN(earlier, log->Seal(f.vault));
  }
  VaultFixture next;
  const auto log = next.Log();
  RecordingTransport recording(service, *log, "price");
  ASSERT_OK(recording.Send(Get("https://h/b"), next.context));
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault, earlier.exchanges));
  EXPECT_EQ(sealed.objects.size(), 1u);  // the list
  EXPECT_EQ(sealed.exchanges[0].object, earlier.exchanges[0].object);
  EXPECT_EQ(*ReadBody(f.vault, sealed.exchanges[0]), "same");
}

TEST(VaultTest, AKilledRunAsksNothingTwice) {
  VaultFixture f;
  int asked = 0;
  FakeTransport service([&](const Request& request) -> Result<Response> {
    ++asked;
    if (request.url.ends_with("/busy") && asked < 4) return Answer(503);
    return Answer(200, "body " + std::to_string(asked));
  });
  {
    const auto log = f.Log();
    RecordingTransport recording(service, *log, "price");
    for (const char* url : {"https://h/a", "https://h/b", "https://h/busy"}) {
      ASSERT_OK(recording.Send(Get(url), f.context));
    }
  }
  // The process died while it wrote a record.
  std::ofstream(f.folder.path / "exchanges.log", std::ios::app | std::ios::binary) << "torn";

  const auto log = f.Log();
  EXPECT_EQ(log->size(), 0);
  RecordingTransport recording(service, *log, "price");
  ASSERT_OK_AND_ASSIGN(const Response a, recording.Send(Get("https://h/a"), f.context));
  EXPECT_EQ(a.body, "body 1");
  ASSERT_OK_AND_ASSIGN(const Response busy, recording.Send(Get("https://h/busy"), f.context));
  EXPECT_EQ(busy.status, 200);  // what had failed is asked again
  ASSERT_OK(recording.Send(Get("https://h/c"), f.context));
  EXPECT_EQ(asked, 5);
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));
  EXPECT_EQ(sealed.exchanges.size(), 3u);  // b was not asked by this process
}

TEST(VaultTest, TheLedgerSurvivesAKill) {
  VaultFixture f;
  const pid_t child = fork();
  if (child == 0) {
    FakeTransport service([](const Request&) -> Result<Response> { return Answer(200, "x"); });
    auto log = ExchangeLog::Open(f.folder.path);
    RecordingTransport recording(service, **log, "price");
    (void)recording.Send(Get("https://h/a"), f.context);
    _exit(0);  // without destructors
  }
  int state = 0;
  ASSERT_EQ(waitpid(child, &state, 0), child);
  const auto log = f.Log();
  ASSERT_OK_AND_ASSIGN(ExchangeKey key, KeyOf(Get("https://h/a"), "price"));
  ASSERT_OK_AND_ASSIGN(const auto response, log->Reuse(key));
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->body, "x");
}

TEST(VaultTest, TheAnswersOfADeadRunCanBeReadWithoutTakingThemOver) {
  VaultFixture f;
  FakeTransport service([](const Request& request) -> Result<Response> {
    if (request.url.ends_with("gone")) return Answer(404, "gone");
    return Answer(200, request.url);
  });
  {
    const auto log = f.Log();
    RecordingTransport recording(service, *log, "price");
    ASSERT_OK(recording.Send(Get("https://h/a"), f.context));
    ASSERT_OK(recording.Send(Get("https://h/gone"), f.context));
  }
  const auto log = f.Log();
  const std::vector<Exchange> answers = log->Answers();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].key.url, "https://h/a");
  for (int times = 0; times < 2; ++times) {
    ASSERT_OK_AND_ASSIGN(const Response response, log->Read(answers[0].key));
    EXPECT_EQ(response.body, "https://h/a");
    EXPECT_EQ(response.received, answers[0].received);
  }
  EXPECT_EQ(log->size(), 0);
  ASSERT_OK_AND_ASSIGN(const ExchangeKey other, KeyOf(Get("https://h/b"), "price"));
  EXPECT_ERROR(log->Read(other), Code::kNotFound, "no answer");
}

TEST(VaultTest, DamageInsideTheLedgerIsReportedAndItIsLeftUntouched) {
  VaultFixture f;
  FakeTransport service(
      [](const Request& request) -> Result<Response> { return Answer(200, request.url); });
  {
    const auto log = f.Log();
    RecordingTransport recording(service, *log, "price");
    for (int i = 0; i < 3; ++i) {
      ASSERT_OK(recording.Send(Get(fmt::format("https://h/{}", i)), f.context));
    }
  }
  const auto path = f.folder.path / "exchanges.log";
  ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(path));
  bytes[40] ^= 1;
  ASSERT_OK(WriteFileAtomically(path, bytes));
  EXPECT_ERROR(ExchangeLog::Open(f.folder.path), Code::kCorrupt, "byte 8");
  EXPECT_EQ(*ReadFile(path), bytes);
  ASSERT_OK(WriteFileAtomically(path, "something else"));
  EXPECT_ERROR(ExchangeLog::Open(f.folder.path), Code::kCorrupt, "no request ledger");
  ASSERT_OK(WriteFileAtomically(path, "CMXLOG99"));
  EXPECT_ERROR(ExchangeLog::Open(f.folder.path), Code::kInvalid, "99");
}

TEST(VaultTest, TwoProcessesCannotWriteOneLedger) {
  VaultFixture f;
  const auto log = f.Log();
  EXPECT_ERROR(ExchangeLog::Open(f.folder.path), Code::kLocked, "another process");
}

TEST(VaultTest, DeadlinesAndStopsAreNotFactsOfTheWorld) {
  VaultFixture f;
  FakeTransport inner([](const Request&) -> Result<Response> { return Answer(200, "x"); });
  FaultyTransport service(inner, FailFirst(1, Deadline("late")));
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  EXPECT_ERROR(recording.Send(Get("https://h/a"), f.context), Code::kDeadline, "late");
  ASSERT_OK(recording.Send(Get("https://h/a"), f.context));
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));
  ASSERT_EQ(sealed.exchanges.size(), 1u);
  ReplayTransport replay(f.vault, sealed.exchanges, "price");
  EXPECT_OK(replay.Send(Get("https://h/a"), f.context));
}

TEST(VaultTest, WhatCannotBeRecordedIsNotUsed) {
  VaultFixture f;
  FakeTransport service([](const Request&) -> Result<Response> { return Answer(200, "x"); });
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  const struct Limit {
    Limit() {
      signal(SIGXFSZ, SIG_IGN);
      getrlimit(RLIMIT_FSIZE, &before);
      rlimit none = before;
      none.rlim_cur = 0;
      setrlimit(RLIMIT_FSIZE, &none);
    }
    ~Limit() { setrlimit(RLIMIT_FSIZE, &before); }
    rlimit before;
  } limit;
  EXPECT_ERROR(recording.Send(Get("https://h/a"), f.context), Code::kUnavailable, "https://h/a");
  EXPECT_EQ(log->size(), 0);
  // Nor is the world asked for more that could not be kept.
  EXPECT_ERROR(recording.Send(Get("https://h/b"), f.context), Code::kUnavailable, "https://h/a");
  EXPECT_EQ(service.requests().size(), 1u);
}

TEST(VaultTest, DamageInTheVaultIsNamed) {
  VaultFixture f;
  FakeTransport service(
      [](const Request& request) -> Result<Response> { return Answer(200, request.url); });
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  ASSERT_OK(recording.Send(Get("https://h/a"), f.context));
  ASSERT_OK(recording.Send(Get("https://h/b"), f.context));
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));
  const std::string pack = sealed.exchanges[0].object;
  ASSERT_OK_AND_ASSIGN(const std::string bytes, f.vault.Get(pack));

  std::string damaged = bytes;
  damaged[sealed.exchanges[0].offset + 12] ^= 1;
  f.vault.Damage(pack, damaged);
  EXPECT_ERROR(ReadBody(f.vault, sealed.exchanges[0]), Code::kCorrupt, pack);
  f.vault.Damage(pack, bytes.substr(0, 10));
  EXPECT_ERROR(ReadBody(f.vault, sealed.exchanges[0]), Code::kCorrupt, pack);
  Exchange swapped = sealed.exchanges[0];
  swapped.offset = sealed.exchanges[1].offset;
  f.vault.Damage(pack, bytes);
  EXPECT_ERROR(ReadBody(f.vault, swapped), Code::kCorrupt, "digest");
  Exchange liar = sealed.exchanges[0];
  liar.bytes = uint64_t{1} << 60;
  EXPECT_ERROR(ReadBody(f.vault, liar), Code::kCorrupt, pack);

  const std::string list = BodyObject(sealed.list_sha256);
  f.vault.Damage(list, "nonsense");
  EXPECT_ERROR(ReadExchanges(f.vault, sealed.list_sha256), Code::kCorrupt, list);
  EXPECT_ERROR(ReadExchanges(f.vault, std::string(64, '0')), Code::kNotFound, "0000");
}

TEST(VaultTest, ExchangesComeBackTheSame) {
  Exchange exchange;
  exchange.key = {"price", "GET", "https://h/a", Sha256Hex("body"), "range: bytes=0-1", 3};
  exchange.received = Time() + 1234567us;
  exchange.status = 200;
  exchange.headers = {{"etag", "\"x\""}, {"link", "a\xff"}, {"link", "b"}};
  exchange.sha256 = Sha256Hex("x");
  exchange.bytes = 1;
  exchange.object = "vault/packs/aa/bb.pack";
  exchange.offset = 8;
  exchange.length = 10;
  const std::string line = FormatExchange(exchange);
  ASSERT_OK_AND_ASSIGN(const Exchange back, ParseExchange(line));
  EXPECT_EQ(FormatExchange(back), line);
  EXPECT_EQ(back.key, exchange.key);

  Exchange failed;
  failed.key = {"price", "GET", "https://h/a", "", "", 0};
  failed.error = Unavailable("reset");
  failed.error->retry_after = 7s;
  ASSERT_OK_AND_ASSIGN(const Exchange failed_back, ParseExchange(FormatExchange(failed)));
  EXPECT_EQ(failed_back.error->retry_after, 7s);
  EXPECT_EQ(failed_back.error->code, Code::kUnavailable);

  for (const char* bad : {"", "{}", "[]", "{\"task\":1}", "\xff", "[[[[[["}) {
    EXPECT_ERROR(ParseExchange(bad), Code::kCorrupt, "exchange");
  }
}

TEST(VaultTest, ABrokenPackIsNoPack) {
  VaultFixture f;
  FakeTransport service(
      [](const Request& request) -> Result<Response> { return Answer(200, request.url); });
  const auto log = f.Log();
  RecordingTransport recording(service, *log, "price");
  for (int i = 0; i < 3; ++i)
    ASSERT_OK(recording.Send(Get(fmt::format("https://h/{}", i)), f.context));
  ASSERT_OK_AND_ASSIGN(const SealedExchanges sealed, log->Seal(f.vault));
  ASSERT_OK_AND_ASSIGN(const std::string pack, f.vault.Get(sealed.exchanges[0].object));
  ASSERT_OK_AND_ASSIGN(const auto entries, ParsePackIndex(pack));
  EXPECT_EQ(entries.size(), 3u);
  for (size_t cut = 0; cut < pack.size(); ++cut) {
    EXPECT_FALSE(ParsePackIndex(std::string_view(pack).substr(0, cut)).ok());
  }
  std::string newer = pack;
  newer[7] = '3';
  EXPECT_ERROR(ParsePackIndex(newer), Code::kInvalid, "format");
}

TEST(VaultTest, StoresABodyByItsContent) {
  MemoryBlobStore vault;
  ASSERT_OK_AND_ASSIGN(const Exchange image, StoreBody(vault, "pixels"));
  ASSERT_OK(StoreBody(vault, "pixels"));
  EXPECT_EQ(vault.Names(), (std::vector<std::string>{BodyObject(Sha256Hex("pixels"))}));
  EXPECT_EQ(*ReadBody(vault, image), "pixels");
}

}  // namespace catchment::net
