#pragma once

#include <string>
#include <string_view>

#include "base/op_context.h"
#include "base/result.h"
#include "base/time.h"
#include "net/secrets.h"
#include "net/transport.h"

namespace catchment::net {

/// Keys of an AWS principal. A value.
struct AwsCredentials {
  std::string access_key_id = {};
  Secret secret_access_key = {};
  Secret session_token = {};  ///< empty: keys that do not expire
};

/// Resolve `env:AWS_ACCESS_KEY_ID`, `env:AWS_SECRET_ACCESS_KEY` and, if set,
/// `env:AWS_SESSION_TOKEN`. kDenied: one of the first two is absent; names it.
Result<AwsCredentials> ResolveAwsCredentials(SecretStore& secrets, const OpContext& context);

/// The region: `configured` if not empty, else AWS_REGION, else AWS_DEFAULT_REGION. kInvalid: none,
/// or not letters, digits and `-` (it becomes part of a host's name).
Result<std::string> ResolveAwsRegion(SecretStore& secrets, std::string_view configured,
                                     const OpContext& context);

/// The parts of a request that are signed. Path and query as they stand in the request line, the
/// path without `.` and `..` parts. `headers` holds Host; all its fields are signed.
struct AwsRequestParts {
  std::string method = "GET";
  std::string path = "/";
  std::string query = {};  ///< without `?`
  Headers headers = {};
  std::string_view body = {};
};

/// The fields that sign a request: `X-Amz-Date`, `X-Amz-Security-Token` where the credentials have
/// one, `Authorization`. `time` is cut to seconds. Pure. Fields of these names in `parts` are left
/// out of account. Source: AWS Signature Version 4: the path is encoded once more, but for S3,
/// which wants the field `X-Amz-Content-Sha256` (SignAws sets it) among `headers`.
Headers AwsSignature(const AwsRequestParts& parts, const AwsCredentials& credentials,
                     std::string_view region, std::string_view service, Time time);

/// Sign `request` in place, replacing an earlier signature. kInvalid: its URL does not parse.
Status SignAws(Request& request, const AwsCredentials& credentials, std::string_view region,
               std::string_view service, Time time);

}  // namespace catchment::net
