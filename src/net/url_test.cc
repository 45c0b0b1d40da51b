#include "net/url.h"

#include "base/test.h"

namespace catchment::net {

TEST(UrlTest, TakesAUrlApart) {
  ASSERT_OK_AND_ASSIGN(const Url url,
                       ParseUrl("HTTPS://Prices.Azure.COM:443/api/x?a=1&b=%20#frag"));
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "prices.azure.com");
  EXPECT_FALSE(url.port.has_value());
  EXPECT_EQ(url.path, "/api/x");
  EXPECT_EQ(url.query, "a=1&b=%20");
  EXPECT_EQ(url.ToText(), "https://prices.azure.com/api/x?a=1&b=%20");
  ASSERT_OK_AND_ASSIGN(const Url v6, ParseUrl("http://[::1]:8080"));
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.ToText(), "http://[::1]:8080/");
}

TEST(UrlTest, RefusesWhatCouldMeanTwoThings) {
  for (const char* text :
       {"", "prices.azure.com", "ftp://x/", "https://", "https:///x", "https://a b/",
        "https://a\nb/", "https://user:pass@host/", "https://host\\@evil/", "https://h:0/",
        "https://h:65536/", "https://h:1x/", "https://[::1/", "https://[zz]/", "https://h%2e/",
        "file:///etc/passwd", "https://h\\x"}) {
    EXPECT_ERROR(ParseUrl(text), Code::kInvalid, "no URL");
  }
}

TEST(UrlTest, ARefusedUrlWithAPasswordIsNotShown) {
  const auto url = ParseUrl("https://user:hunter2@host/");
  ASSERT_FALSE(url.ok());
  EXPECT_EQ(url.error().message.find("hunter2"), std::string::npos);
}

TEST(UrlTest, NormalisedUrlsAreEqualWhereTheirMeaningIs) {
  const auto normal = [](const char* text) { return *NormaliseUrl(text); };
  EXPECT_EQ(normal("https://Prices.azure.com:443"), "https://prices.azure.com/");
  EXPECT_EQ(normal("https://h/%7ea%2f?q=%c3%a9&p='x'&$filter=a%20b"),
            "https://h/~a%2F?q=%C3%A9&p='x'&$filter=a%20b");
  EXPECT_EQ(normal("https://h/a?x=[1]"), "https://h/a?x=%5B1%5D");
  EXPECT_EQ(normal("https://h/a?b=2&a=1"), "https://h/a?b=2&a=1");
  EXPECT_EQ(normal("https://h/a/../b"), "https://h/a/../b");
  EXPECT_EQ(normal("https://h/100%"), "https://h/100%25");
  const std::string once = normal("https://h/%7ea%2f?q=%zz");
  EXPECT_EQ(normal(once.c_str()), once);
}

TEST(UrlTest, ResolvesRedirects) {
  ASSERT_OK_AND_ASSIGN(const Url base, ParseUrl("https://h:8443/a/b/c?q=1"));
  const auto resolved = [&](std::string_view text) {
    const auto url = ResolveUrl(base, text);
    return url.ok() ? url->ToText() : "refused";
  };
  EXPECT_EQ(resolved("/x?y=1"), "https://h:8443/x?y=1");
  EXPECT_EQ(resolved("x"), "https://h:8443/a/b/x");
  EXPECT_EQ(resolved("../x"), "https://h:8443/a/x");
  EXPECT_EQ(resolved("../../../x/."), "https://h:8443/x/");
  EXPECT_EQ(resolved("?z=2"), "https://h:8443/a/b/c?z=2");
  EXPECT_EQ(resolved("//other/x"), "https://other/x");
  EXPECT_EQ(resolved("http://other/"), "http://other/");
  EXPECT_EQ(resolved(""), "https://h:8443/a/b/c?q=1");
  EXPECT_EQ(resolved("javascript:alert(1)"), "refused");
}

TEST(UrlTest, SpacesOfFiltersArePercent20) {
  EXPECT_EQ(QueryBuilder("'$")
                .Add("$filter", "serviceName eq 'Virtual Machines'")
                .Add("$skip", "0")
                .text(),
            "$filter=serviceName%20eq%20'Virtual%20Machines'&$skip=0");
  EXPECT_EQ(PercentEncode("a b/ä+"), "a%20b%2F%C3%A4%2B");
  EXPECT_EQ(*PercentDecode("a%20b+"), "a b+");
  EXPECT_ERROR(PercentDecode("100%"), Code::kInvalid, "percent");
}

TEST(UrlTest, ReadsAQueryValue) {
  ASSERT_OK_AND_ASSIGN(const Url url, ParseUrl("https://h:443/x?a=1&%24skip=1000&flag"));
  EXPECT_EQ(*QueryValue(url, "$skip"), "1000");
  EXPECT_EQ(*QueryValue(url, "flag"), "");
  EXPECT_FALSE(QueryValue(url, "skip")->has_value());
}

TEST(UrlTest, KnowsLoopbackAndPrivateAddresses) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "localhost"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"127.0.0.1.example.com", "128.0.0.1", "0.0.0.0",
                           "::", "localhost.example", "127.1", "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
  for (const char* address : {"10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254",
                              "100.64.0.1", "0.0.0.0", "224.0.0.1", "fe80::1%eth0", "fd00::1",
                              "::ffff:10.0.0.1", "64:ff9b::a00:1", "::1", "not an address"}) {
    EXPECT_TRUE(IsPrivateAddress(address)) << address;
  }
  EXPECT_FALSE(IsPrivateAddress("8.8.8.8"));
  EXPECT_FALSE(IsPrivateAddress("2001:4860:4860::8888"));
  EXPECT_FALSE(IsPrivateAddress("172.32.0.1"));
}

}  // namespace catchment::net
