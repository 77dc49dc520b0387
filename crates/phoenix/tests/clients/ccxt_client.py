"""ccxt (REST and ccxt.pro streams) against the embedded exchange: every step asserts on what came back.

Usage: ccxt_client.py '<the JSON line that `phoenix exchange` prints>' KEY SECRET
"""

import asyncio
import json
import sys

import ccxt
import ccxt.pro

SYMBOL = "ETH/USDC:USDC"
TIMEOUT_S = 20


def client(addresses, key, secret):
    exchange = ccxt.pro.binanceusdm(
        {
            "apiKey": key,
            "secret": secret,
            "options": {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False},
        }
    )
    rest, ws = addresses["rest_url"], addresses["ws_url"]
    for name, path in (("", "/fapi/v1"), ("V2", "/fapi/v2"), ("V3", "/fapi/v3")):
        exchange.urls["api"][f"fapiPublic{name}"] = rest + path
        exchange.urls["api"][f"fapiPrivate{name}"] = rest + path
    exchange.urls["api"]["ws"]["linear"] = ws + "/ws"
    exchange.urls["api"]["ws"]["ws-api"]["linear"] = addresses["ws_api_url"]
    # ccxt picks its futures error map by the host name, which loopback does not have.
    exchange.exceptions["exact"].update(exchange.exceptions["linear"]["exact"])
    return exchange


async def within(awaitable):
    return await asyncio.wait_for(awaitable, TIMEOUT_S)


async def passive_price(exchange, side, bps=30):
    """A price away from the touch, so that nothing fills it meanwhile."""
    ticker = await within(exchange.fetch_order_book(SYMBOL, 20))
    best = ticker["bids"][0][0] if side == "buy" else ticker["asks"][0][0]
    factor = 1 - bps / 10_000 if side == "buy" else 1 + bps / 10_000
    return float(exchange.price_to_precision(SYMBOL, best * factor))


async def check_market(exchange):
    markets = await within(exchange.load_markets())
    market = markets[SYMBOL]
    assert market["precision"] == {**market["precision"], "price": 0.01, "amount": 0.001}, market["precision"]
    assert market["limits"]["cost"]["min"] == 20, market["limits"]
    book = await within(exchange.fetch_order_book(SYMBOL, 1000))
    assert book["bids"][0][0] < book["asks"][0][0], book["bids"][:1] + book["asks"][:1]
    assert book["nonce"] > 0
    assert (await within(exchange.fetch_time())) > 1_600_000_000_000
    assert (await within(exchange.fetch_funding_rate(SYMBOL)))["markPrice"] > 0
    print("ok market data")


async def check_orders(exchange):
    price = await passive_price(exchange, "buy")
    own_id = f"ccxt-{exchange.milliseconds()}"
    order = await within(
        exchange.create_order(SYMBOL, "limit", "buy", 0.1, price, {"timeInForce": "GTX", "newClientOrderId": own_id})
    )
    assert order["status"] == "open" and order["clientOrderId"] == own_id, order
    assert order["price"] == price and order["amount"] == 0.1 and order["postOnly"], order

    book = await within(exchange.fetch_order_book(SYMBOL, 5))
    crossing = float(exchange.price_to_precision(SYMBOL, book["asks"][0][0] * 1.002))
    try:
        await within(exchange.create_order(SYMBOL, "limit", "buy", 0.1, crossing, {"postOnly": True}))
        raise AssertionError("a crossing post-only order was accepted")
    except ccxt.OrderNotFillable as refused:
        assert "-5022" in str(refused), refused

    lower = float(exchange.price_to_precision(SYMBOL, price - 1))
    edited = await within(exchange.edit_order(order["id"], SYMBOL, "limit", "buy", 0.2, lower))
    assert edited["id"] == order["id"] and edited["price"] == lower and edited["amount"] == 0.2, edited
    fetched = await within(exchange.fetch_order(order["id"], SYMBOL))
    assert fetched["status"] == "open" and fetched["price"] == lower, fetched
    assert [o["id"] for o in await within(exchange.fetch_open_orders(SYMBOL))] == [order["id"]]
    cancelled = await within(exchange.cancel_order(order["id"], SYMBOL))
    assert cancelled["status"] == "canceled", cancelled
    try:
        await within(exchange.cancel_order(order["id"], SYMBOL))
        raise AssertionError("a cancelled order was cancelled again")
    except ccxt.OrderNotFound as refused:
        assert "-2011" in str(refused), refused
    print("ok place, post-only rejection, modify, query, cancel")


async def check_batch(exchange):
    buy, sell = await passive_price(exchange, "buy"), await passive_price(exchange, "sell")
    batch = [
        {"symbol": SYMBOL, "type": "limit", "side": side, "amount": 0.1, "price": price, "params": {"timeInForce": "GTX"}}
        for side, price in (("buy", buy), ("sell", sell), ("buy", sell * 1.001))
    ]
    orders = await within(exchange.create_orders(batch))
    # ccxt sorts the answer by time, and a rejected element has none.
    assert sorted(o["status"] for o in orders) == ["open", "open", "rejected"], orders
    rejected = next(o for o in orders if o["status"] == "rejected")
    assert rejected["info"]["code"] == -5022, rejected
    ids = [o["id"] for o in orders if o["status"] == "open"]
    cancelled = await within(exchange.cancel_orders(ids, SYMBOL))
    assert sorted(o["id"] for o in cancelled) == sorted(ids), cancelled
    assert all(o["status"] == "canceled" for o in cancelled), cancelled
    await within(exchange.create_order(SYMBOL, "limit", "buy", 0.1, buy))
    await within(exchange.cancel_all_orders(SYMBOL))
    assert await within(exchange.fetch_open_orders(SYMBOL)) == []
    print("ok batch, batch cancel, cancel all")


async def check_user_stream(exchange):
    """An order's life as the user stream tells it, with the fill of a market order and the position after it."""
    price = await passive_price(exchange, "buy")
    watching = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    heard = []

    async def wanted(is_it):
        nonlocal watching
        while True:
            orders = await within(watching)
            watching = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
            heard.extend(orders)
            for order in orders:
                if is_it(order):
                    return order

    # The stream tells nothing until something happens, so the first order is repeated until it is heard.
    for _ in range(40):
        placed = await within(exchange.create_order(SYMBOL, "limit", "buy", 0.1, price, {"timeInForce": "GTX"}))
        done, _ = await asyncio.wait({watching}, timeout=0.5)
        await within(exchange.cancel_order(placed["id"], SYMBOL))
        if done:
            break
    cancelled = await wanted(lambda order: order["status"] == "canceled")
    assert cancelled["symbol"] == SYMBOL and cancelled["side"] == "buy", cancelled

    trades = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
    bought = await within(exchange.create_order(SYMBOL, "market", "buy", 0.5, None, {"newOrderRespType": "RESULT"}))
    assert bought["status"] == "closed" and bought["filled"] == 0.5, bought
    filled = await wanted(lambda order: order["id"] == bought["id"] and order["status"] == "closed")
    assert filled["filled"] == 0.5 and abs(filled["average"] - bought["average"]) < 0.01, (filled, bought)
    trade = (await within(trades))[0]
    assert trade["order"] == bought["id"] and trade["takerOrMaker"] == "taker", trade
    watching.cancel()

    positions = [p for p in await within(exchange.fetch_positions([SYMBOL])) if p["contracts"]]
    assert len(positions) == 1 and positions[0]["side"] == "long" and positions[0]["contracts"] == 0.5, positions
    mine = await within(exchange.fetch_my_trades(SYMBOL))
    assert abs(sum(t["amount"] for t in mine) - 0.5) < 1e-9, mine
    await within(exchange.create_order(SYMBOL, "market", "sell", 0.5, None, {"reduceOnly": True}))
    assert not [p for p in await within(exchange.fetch_positions([SYMBOL])) if p["contracts"]]
    balance = await within(exchange.fetch_balance())
    assert 99_000 < balance["USDC"]["total"] < 101_000, balance["USDC"]
    print(f"ok user stream, positions, trades, balance ({len(heard)} order events)")


async def check_streams(exchange):
    book = await within(exchange.watch_order_book(SYMBOL, 1000))
    for _ in range(5):
        book = await within(exchange.watch_order_book(SYMBOL, 1000))
        assert book["bids"][0][0] < book["asks"][0][0]
    ticker = (await within(exchange.watch_bids_asks([SYMBOL])))[SYMBOL]
    assert ticker["bid"] < ticker["ask"], ticker
    trades = await within(exchange.watch_trades(SYMBOL))
    assert trades and trades[0]["price"] > 0, trades
    mark = await within(exchange.watch_mark_price(SYMBOL))
    assert mark["markPrice"] > 0, mark
    print("ok book, ticker, trades and mark price streams")


async def check_ws_api(exchange):
    price = await passive_price(exchange, "buy")
    order = await within(exchange.create_order_ws(SYMBOL, "limit", "buy", 0.1, price, {"timeInForce": "GTX"}))
    assert order["status"] == "open", order
    edited = await within(exchange.edit_order_ws(order["id"], SYMBOL, "limit", "buy", 0.1, price - 0.5))
    assert edited["id"] == order["id"], edited
    cancelled = await within(exchange.cancel_order_ws(order["id"], SYMBOL))
    assert cancelled["status"] == "canceled", cancelled
    print("ok WebSocket order API")


async def check_settings(exchange):
    assert (await within(exchange.set_leverage(25, SYMBOL)))["leverage"] == 25
    leverages = await within(exchange.fetch_leverages([SYMBOL]))
    assert leverages[SYMBOL]["longLeverage"] == 25, leverages
    assert (await within(exchange.fetch_position_mode(SYMBOL)))["hedged"] is False
    tiers = await within(exchange.fetch_leverage_tiers([SYMBOL]))
    assert tiers[SYMBOL][0]["maxLeverage"] == 125, tiers[SYMBOL][0]
    fee = await within(exchange.fetch_trading_fee(SYMBOL))
    assert fee["maker"] == 0 and fee["taker"] == 0.0004, fee
    print("ok settings")


async def main():
    exchange = client(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3])
    try:
        await check_market(exchange)
        await within(exchange.cancel_all_orders(SYMBOL))
        await check_settings(exchange)
        await check_orders(exchange)
        await check_batch(exchange)
        await check_user_stream(exchange)
        await check_streams(exchange)
        await check_ws_api(exchange)
    finally:
        await exchange.close()
    print(f"ccxt {ccxt.__version__}: all passed")


asyncio.run(main())
