// The Parquet library exports OpenSSL's symbols of its own copy; the order of libraries decides
// which is used.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <string>

namespace catchment::columnar {
namespace {

TEST(LinkOrderTest, OpenSslIsTheSystemsEvenWithParquetLoaded) {
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&EVP_Digest), &info), 0);
  EXPECT_NE(std::string(info.dli_fname).find("libcrypto.so.3"), std::string::npos)
      << info.dli_fname;
}

}  // namespace
}  // namespace catchment::columnar
