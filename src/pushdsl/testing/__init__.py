"""The contract of a platform as tests: inherit `PlatformContract`, name the platform, run pytest.

    class TestShopee(PlatformContract):
        platform = ShopeePlatform()

Every test starts the platform's own sandbox, opens a shop in it with `QUANTITY_AT_FIRST` of each listing, and pushes
and reads over HTTP as the core would. The tests' names are the contract; needs the extra `pushdsl[testing]`.
`python -m pushdsl.testing report` writes their results for a README.
"""

from pushdsl.testing.contract import QUANTITY_AT_FIRST, TIMEOUT_SECONDS, PlatformContract
from pushdsl.testing.shop import FixedClock, Shop
from pushdsl.testing.time import ImpatientLoop

__all__ = ["QUANTITY_AT_FIRST", "TIMEOUT_SECONDS", "FixedClock", "ImpatientLoop", "PlatformContract", "Shop"]
