#pragma once

#include <string>
#include <string_view>

#include "simulator/http_server_internal.h"

namespace catchment::simulator {

/// An answer of `text/plain`.
HttpResponse PlainText(int status, std::string text);

/// `{"error":{"code":…,"message":…}}`, as Azure's resource manager refuses.
HttpResponse AzureError(int status, std::string_view code, std::string_view message);

}  // namespace catchment::simulator
