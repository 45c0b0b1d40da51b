// The Parquet library exports OpenSSL's symbols of its own copy; the order of libraries decides
// which is used.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>

#include "base/digest.h"
#include "columnar/parquet_file.h"

namespace catchment::columnar {
namespace {

TEST(LinkOrderTest, OpenSslIsTheSystemsEvenWithParquetLoaded) {
  ASSERT_EQ(Sha256Hex("").substr(0, 8), "e3b0c442");
  ASSERT_FALSE(InspectParquet("/nonexistent").ok());
  void* const found = dlsym(RTLD_DEFAULT, "EVP_Digest");
  ASSERT_NE(found, nullptr);
  Dl_info info{};
  ASSERT_NE(dladdr(found, &info), 0);
  EXPECT_NE(std::string(info.dli_fname).find("libcrypto.so.3"), std::string::npos)
      << info.dli_fname;
}

}  // namespace
}  // namespace catchment::columnar
