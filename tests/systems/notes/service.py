"""A notes service: create a note, read it back, read the newest ones. Plain aiohttp over Redis."""

import argparse
import json
import os

import redis.asyncio as redis
from aiohttp import web

FIELDS = ("title", "body", "author", "tag")


class Store:
    def __init__(self, url: str, connection: str, reads: str) -> None:
        self.url, self.connection, self.reads = url, connection, reads
        self.pool = redis.Redis.from_url(url, decode_responses=True) if connection == "pool" else None

    def client(self) -> redis.Redis:
        return self.pool or redis.Redis.from_url(self.url, decode_responses=True, single_connection_client=True)

    async def done(self, client: redis.Redis) -> None:
        if client is not self.pool:
            await client.aclose()

    async def read(self, client: redis.Redis, note: str) -> dict[str, str | None]:
        if self.reads == "one_trip":
            values = await client.hmget(f"note:{note}", FIELDS)
        else:
            values = [await client.hget(f"note:{note}", field) for field in FIELDS]
        return dict(zip(FIELDS, values, strict=True))


def application(store: Store) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        client = store.client()
        await client.ping()
        await store.done(client)
        return web.Response(text="ok")

    async def create(request: web.Request) -> web.Response:
        body, client = await request.json(), store.client()
        note = str(body["id"])
        await client.hset(f"note:{note}", mapping={field: str(body.get(field, "")) for field in FIELDS})
        await client.lpush("newest", note)
        await client.ltrim("newest", 0, 49)
        await store.done(client)
        return web.json_response({"id": note}, status=201)

    async def read(request: web.Request) -> web.Response:
        client = store.client()
        found = await store.read(client, request.match_info["note"])
        await store.done(client)
        if found["title"] is None:
            return web.json_response({"error": "no such note"}, status=404)
        return web.Response(text=json.dumps(found, sort_keys=True), content_type="application/json")

    app = web.Application(client_max_size=64 * 1024)
    app.add_routes([web.get("/healthz", healthz), web.post("/notes", create), web.get("/notes/{note}", read)])
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connection", choices=("new", "pool"), default="new")
    parser.add_argument("--reads", choices=("one_by_one", "one_trip"), default="one_by_one")
    options = parser.parse_args()
    web.run_app(
        application(Store(os.environ["NOTES_REDIS_URL"], options.connection, options.reads)),
        host="127.0.0.1", port=options.port, print=None,
    )  # fmt: skip
