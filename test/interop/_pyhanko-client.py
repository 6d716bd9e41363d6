"""pyHanko as a client of a time-stamping server: asks with each digest; it checks imprint, nonce and status itself."""
import asyncio
import hashlib
import sys

from pyhanko.sign.timestamps import HTTPTimeStamper


async def main(url: str) -> None:
    for name in ("sha256", "sha512"):
        imprint = hashlib.new(name, b"document").digest()
        token = await HTTPTimeStamper(url).async_timestamp(imprint, name)
        info = token["content"]["encap_content_info"]["content"].parsed
        assert info["message_imprint"]["hashed_message"].native == imprint
        print(f"ok pyHanko, {name}")


asyncio.run(main(sys.argv[1]))
