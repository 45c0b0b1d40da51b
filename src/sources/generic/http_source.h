#pragma once

#include "sources/source.h"

namespace catchment::sources::generic {

/// `http`: rows of a JSON or CSV service, page after page, by configuration alone.
///
///   with:
///     url: https://api.example.org/items
///     query: {kind: spot}
///     headers: {X-Key: {secret: "env:API_KEY"}}
///     items: /data/items                       # JSON pointer to the array; default: the document
///     itself columns: [{name: id, pointer: /id, type: int64}, {name: price, type: float64}]
///     paging: {kind: next_link, pointer: /next}
///
/// Paging: `none`; `next_link` {pointer}: an absolute or relative link on the same host, absent,
/// null or empty at the end; `cursor` {pointer, parameter}: likewise, given back as a query
/// parameter; `page` {parameter, start: 1} and `offset` {parameter}: up to an empty page, or one
/// with fewer than `size` items. `size` with `size_parameter` is sent. `max_pages` (default 10,000)
/// reached, a page given twice or a page that stays away is a hole: `unavailable`, or with
/// `partial: true` the pages before it, `partial`, with a gap.
/// Each page is one unit `page`. Secrets stand in headers only, which are never recorded;
/// one that is written out is kInvalid, and so is any text of Authorization, Proxy-Authorization,
/// Cookie, X-Api-Key and X-Auth-Token.
SourceEntry HttpSource();

}  // namespace catchment::sources::generic
