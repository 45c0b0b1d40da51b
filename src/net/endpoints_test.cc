#include "net/endpoints.h"

#include "base/test.h"

namespace catchment::net {

namespace {

const std::vector<ServiceHost> kHosts = {{"prices.azure.com", "prices"},
                                         {"ec2.*.amazonaws.com", "ec2"}};

}  // namespace

TEST(EndpointsTest, WithoutVariablesUrlsStayReal) {
  const char* const environment[] = {"PATH=/bin", nullptr};
  ASSERT_OK_AND_ASSIGN(const Endpoints endpoints, Endpoints::FromEnvironment(environment, kHosts));
  EXPECT_FALSE(endpoints.any());
  EXPECT_EQ(*endpoints.Effective("prices", "https://prices.azure.com/x"),
            "https://prices.azure.com/x");
}

TEST(EndpointsTest, ServicesAndUrlsFoundInAnswersGoToTheEndpoint) {
  const char* const environment[] = {"CATCHMENT_ENDPOINT_PRICES=http://127.0.0.1:9000/base/",
                                     "CATCHMENT_ENDPOINT_EC2=http://[::1]:9001", nullptr};
  ASSERT_OK_AND_ASSIGN(const Endpoints endpoints, Endpoints::FromEnvironment(environment, kHosts));
  EXPECT_TRUE(endpoints.any());
  EXPECT_EQ(*endpoints.Effective("prices", "https://prices.azure.com/api?$skip=1"),
            "http://127.0.0.1:9000/base/api?$skip=1");
  EXPECT_EQ(*endpoints.Effective("", "https://Prices.Azure.com:443/api"),
            "http://127.0.0.1:9000/base/api");
  EXPECT_EQ(*endpoints.Effective("", "https://ec2.us-west-2.amazonaws.com/"), "http://[::1]:9001/");
}

TEST(EndpointsTest, NothingLeavesLoopbackWhileTheWorldIsSimulated) {
  ASSERT_OK_AND_ASSIGN(const Endpoints endpoints,
                       Endpoints::Make({{"prices", "http://127.0.0.1:9000"}}, kHosts));
  EXPECT_ERROR(endpoints.Effective("", "https://ec2.us-west-2.amazonaws.com/"), Code::kInvalid,
               "simulated");
  EXPECT_ERROR(endpoints.Effective("management", "https://management.azure.com/"), Code::kInvalid,
               "management");
  EXPECT_EQ(*endpoints.Effective("", "http://127.0.0.1:1/x"), "http://127.0.0.1:1/x");
}

TEST(EndpointsTest, OnlyLoopbackMayBeNamed) {
  for (const char* url : {"http://10.0.0.1/", "https://prices.azure.com", "http://0.0.0.0:1",
                          "http://127.0.0.1.example.com", "localhost:9000"}) {
    EXPECT_ERROR(Endpoints::Make({{"prices", url}}, kHosts), Code::kInvalid,
                 "CATCHMENT_ENDPOINT_PRICES");
  }
}

}  // namespace catchment::net
