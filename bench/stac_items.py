#!/usr/bin/env python3
"""Items like those of HLS, from a seed: stac_items.py COUNT FILE [--seed N] [--product S30|L30] [--sorted].

Modelled on recorded items: the same members in the same order, 18 assets of a Sentinel-2 granule (17 of a Landsat one),
18,000 land tiles, some 16 granules a tile and month, footprints that are cut off for half of them. Items come day by
day, as a collector meets them, or with --sorted tile by tile.
"""
import argparse
import datetime
import json
import math
import random

BANDS = {
    "S30": [("B01", "coastal", 0.4439, 0.027), ("B02", "blue", 0.4966, 0.098), ("B03", "green", 0.56, 0.045),
            ("B04", "red", 0.6645, 0.038), ("B05", None, 0.7039, 0.019), ("B06", None, 0.7402, 0.018),
            ("B07", None, 0.7825, 0.028), ("B08", "nir", 0.8351, 0.145), ("B8A", None, 0.8648, 0.033),
            ("B09", None, 0.945, 0.026), ("B10", "cirrus", 1.3735, 0.075), ("B11", "swir16", 1.6137, 0.143),
            ("B12", "swir22", 2.22024, 0.242)],
    "L30": [("B01", "coastal", 0.48, 0.02), ("B02", "blue", 0.44, 0.06), ("B03", "green", 0.56, 0.06),
            ("B04", "red", 0.65, 0.04), ("B05", "nir08", 0.86, 0.03), ("B06", "swir16", 1.6, 0.08),
            ("B07", "swir22", 2.2, 0.2), ("B09", "cirrus", 1.37, 0.02), ("B10", "lwir11", 10.9, 0.8),
            ("B11", "lwir12", 12.0, 1.0)],
}
ANGLES = ["Fmask", "SZA", "SAA", "VZA", "VAA"]
COLUMNS = {1: "ABCDEFGH", 2: "JKLMNPQR", 0: "STUVWXYZ"}
ROWS = "ABCDEFGHJKLMNPQRSTUV"
ZONE_BANDS = "CDEFGHJKLMNPQRSTUVWX"
HOST = "https://data.lpdaac.earthdatacloud.nasa.gov"
TIFF = "image/tiff; application=geotiff; profile=cloud-optimized"
EXTENSIONS = [f"https://stac-extensions.github.io/{name}/v1.0.0/schema.json" for name in ("eo", "projection", "view", "scientific")]


def tiles(rng, count):
    """Tiles with their south-west corner in degrees and in metres; roughly where their names say."""
    found = {}
    while len(found) < count:
        zone = rng.randint(1, 60)
        # Land is found mostly in the north.
        latitude = min(79.0, max(-58.0, rng.gauss(28, 28)))
        band = ZONE_BANDS[min(19, int((latitude + 80) // 8))]
        northing = latitude * 110_950
        row = int(northing // 100_000) % 20
        if zone % 2 == 0:
            row = (row + 5) % 20
        half_width = int(min(4, max(1, 3.34 * math.cos(math.radians(latitude)))))
        column = rng.randint(4 - half_width, 3 + half_width)
        name = f"{zone:02d}{band}{COLUMNS[zone % 3][column]}{ROWS[row]}"
        metres = 111_320 * math.cos(math.radians(latitude))
        longitude = zone * 6 - 183 + ((column + 1) * 100_000 - 500_000) / metres
        south = math.floor(northing / 100_000) * 100_000
        found[name] = (name, zone, latitude >= 0, longitude, south / 110_950, metres, (column + 1) * 100_000, south)
    return list(found.values())


def footprint(rng, tile, whole):
    """The tile, or the part of it that a swath covers; clockwise, six decimals."""
    _, _, _, west, south, metres, _, _ = tile
    width, height = 109_800 / metres, 109_800 / 110_950
    skew = width * 0.012
    if whole:
        ring = [(west, south), (west - skew, south + height), (west + width - skew, south + height), (west + width, south), (west, south)]
    else:
        cut = rng.uniform(0.2, 0.95)
        ring = [(west, south), (west - skew, south + height), (west + width * cut, south + height * 0.98),
                (west + width * cut * 1.02, south + height * rng.uniform(0.4, 0.6)), (west + width * cut * 0.93, south), (west, south)]
    return [[round(x, 6), round(y, 6)] for x, y in ring]


class Items:
    def __init__(self, count, seed, product):
        self.product = product
        self.rng = random.Random(seed)
        tile_count = max(1, min(18_000, count // 16 + 1))
        self.tiles = tiles(self.rng, tile_count)
        self.assets = self.templates()
        self.plan = []
        for number in range(count):
            self.plan.append((self.rng.randint(0, 29), number % tile_count, self.rng.getrandbits(48)))

    def templates(self):
        assets = []
        for name, common, wavelength, width in BANDS[self.product]:
            band = {"name": name}
            if common:
                band["common_name"] = common
            band["center_wavelength"] = wavelength
            band["full_width_half_max"] = width
            assets.append((name, json.dumps([band])))
        assets += [(name, json.dumps([{"name": name}])) for name in ANGLES]
        return assets

    def item(self, day, tile, bits):
        rng = random.Random(bits)
        name, zone, north, _, _, metres, easting, south = tile
        # A satellite passes a place at the same hour of the sun.
        seconds = int((10.5 - (zone * 6 - 183) / 15) * 3600 + rng.randint(-1800, 1800)) % 86_400
        moment = datetime.datetime(2025, 7, 1) + datetime.timedelta(days=day, seconds=seconds)
        iso = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{rng.randint(0, 999999):06d}Z"
        granule = f"HLS.{self.product}.T{name}.{moment:%Y%jT%H%M%S}.v2.0"
        folder = f"HLS{self.product}.020"
        ring = footprint(rng, tile, bits % 2 == 0)
        xs, ys = [p[0] for p in ring], [p[1] for p in ring]
        platform = ("sentinel-2a", "sentinel-2b", "sentinel-2c")[bits % 3] if self.product == "S30" else ("landsat-8", "landsat-9")[bits % 2]
        instruments = '["msi"]' if self.product == "S30" else '["oli", "tirs"]'
        doi = f"10.5067/HLS/HLS{self.product}.002"
        upper = south + 109_800 + (0 if north else 10_000_000)
        properties = (
            f'"start_datetime": "{iso}", "end_datetime": "{iso}", "platform": "{platform}", "instruments": {instruments}, '
            f'"eo:cloud_cover": {rng.randint(0, 100)}.0, "proj:transform": [30.0, 0.0, {easting - 20}.0, 0.0, -30.0, {upper}.0, 0.0, 0.0, 1.0], '
            f'"proj:shape": [3660, 3660], "proj:epsg": {32600 + zone}, "view:sun_azimuth": {round(rng.uniform(60, 200), 8)}, '
            f'"view:azimuth": {round(rng.uniform(90, 300), 8)}, "sci:doi": "{doi}", "datetime": "{iso}"')
        base = f"{HOST}/lp-prod-protected/{folder}/{granule}/{granule}"
        public = f"{HOST}/lp-prod-public/{folder}/{granule}/{granule}"
        assets = ", ".join(f'"{band}": {{"href": "{base}.{band}.tif", "type": "{TIFF}", "eo:bands": {bands}, "roles": ["data"]}}'
                           for band, bands in self.assets)
        return (
            f'{{"type": "Feature", "stac_version": "1.0.0", "id": "{granule}", "properties": {{{properties}}}, '
            f'"geometry": {{"type": "MultiPolygon", "coordinates": [[{json.dumps(ring)}]]}}, '
            f'"links": [{{"rel": "self", "href": "{public}_stac.json", "type": "application/json"}}, '
            f'{{"rel": "cite-as", "href": "https://doi.org/{doi}"}}], '
            f'"assets": {{{assets}, "thumbnail": {{"href": "{public}.jpg", "type": "image/jpeg", "roles": ["thumbnail"]}}}}, '
            f'"bbox": [{min(xs)}, {min(ys)}, {max(xs)}, {max(ys)}], "stac_extensions": {json.dumps(EXTENSIONS)}}}\n')

    def write(self, path, by_tile=False):
        order = sorted(self.plan, key=(lambda p: (p[1], p[0])) if by_tile else (lambda p: (p[0], p[2])))
        seen = set()
        with open(path, "w", encoding="ascii") as out:
            for day, tile, bits in order:
                text = self.item(day, self.tiles[tile], bits)
                identity = text.split('"', 13)[11]
                while identity in seen:  # two passes in one second
                    bits += 1
                    text = self.item(day, self.tiles[tile], bits)
                    identity = text.split('"', 13)[11]
                seen.add(identity)
                out.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--product", choices=BANDS, default="S30")
    parser.add_argument("--sorted", action="store_true")
    arguments = parser.parse_args()
    Items(arguments.count, arguments.seed, arguments.product).write(arguments.file, arguments.sorted)


if __name__ == "__main__":
    main()
