#include "net/secrets.h"

#include <sstream>

#include "base/file.h"
#include "base/test.h"

namespace catchment::net {

namespace {

constexpr const char* kSecretEnvironment[] = {"TOKEN=hunter2", "EMPTY=", "no equals sign", nullptr};

}  // namespace

TEST(SecretsTest, ASecretPrintsAsStars) {
  const Secret secret("hunter2");
  std::ostringstream out;
  out << secret;
  EXPECT_EQ(out.str(), "***");
  EXPECT_EQ(fmt::format("{}", secret), "***");
  EXPECT_EQ(secret.Reveal(), "hunter2");
  EXPECT_TRUE(secret == Secret("hunter2"));
  EXPECT_FALSE(secret == Secret("hunter3"));
}

TEST(SecretsTest, AMovedSecretLeavesNothingBehind) {
  Secret from("short");
  const char* place = from.Reveal().data();
  const Secret to = std::move(from);
  EXPECT_EQ(to.Reveal(), "short");
  EXPECT_EQ(std::string_view(place, 5), std::string_view("\0\0\0\0\0", 5));
}

TEST(SecretsTest, ResolvesVariablesAndFiles) {
  TemporaryFolder folder;
  ASSERT_OK(WriteFileAtomically(folder.path / "key", "from file\r\n"));
  LocalSecretStore store(kSecretEnvironment);
  ASSERT_OK_AND_ASSIGN(const Secret variable, store.Get("env:TOKEN", {}));
  EXPECT_EQ(variable.Reveal(), "hunter2");
  ASSERT_OK_AND_ASSIGN(const Secret file, store.Get("file:" + (folder.path / "key").string(), {}));
  EXPECT_EQ(file.Reveal(), "from file");
}

TEST(SecretsTest, SaysWhichReferenceFailedAndNeverAValue) {
  TemporaryFolder folder;
  LocalSecretStore store(kSecretEnvironment);
  EXPECT_ERROR(store.Get("env:ABSENT", {}), Code::kNotFound, "env:ABSENT");
  EXPECT_ERROR(store.Get("env:EMPTY", {}), Code::kNotFound, "env:EMPTY");
  EXPECT_ERROR(store.Get("file:" + (folder.path / "none").string(), {}), Code::kNotFound, "none");
  EXPECT_ERROR(store.Get("ssm:some/name", {}), Code::kDenied, "env:NAME or file:PATH");
  EXPECT_ERROR(store.Get("env:", {}), Code::kInvalid, "names nothing");
  const auto plain = store.Get("hunter2", {});
  EXPECT_ERROR(plain, Code::kInvalid, "reference");
  EXPECT_EQ(plain.error().message.find("hunter2"), std::string::npos);
  const auto colon = store.Get("user:hunter2", {});
  EXPECT_EQ(colon.error().message.find("hunter2"), std::string::npos);
}

TEST(SecretsTest, AFileThatIsNoSecretIsRefused) {
  TemporaryFolder folder;
  ASSERT_OK(WriteFileAtomically(folder.path / "big", std::string(65 << 10, 'x')));
  LocalSecretStore store(kSecretEnvironment);
  EXPECT_ERROR(store.Get("file:" + (folder.path / "big").string(), {}), Code::kInvalid, "big");
}

TEST(SecretsTest, TheFirstThatResolvesIsTaken) {
  LocalSecretStore store(kSecretEnvironment);
  const std::string references[] = {"ssm:name", "env:ABSENT", "env:TOKEN"};
  ASSERT_OK_AND_ASSIGN(const Secret secret, store.GetFirst(references, {}));
  EXPECT_EQ(secret.Reveal(), "hunter2");
  const std::string missing[] = {"env:ABSENT", "env:EMPTY"};
  EXPECT_ERROR(store.GetFirst(missing, {}), Code::kNotFound, "env:EMPTY");
  const std::string refused[] = {"ssm:name", "env:ABSENT"};
  EXPECT_ERROR(store.GetFirst(refused, {}), Code::kDenied, "ssm:name");
}

}  // namespace catchment::net
