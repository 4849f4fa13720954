using System.Text;
using System.Text.Json;
using Mooring.Gateway.Hub.Api;
using Mooring.Gateway.Hub.Control;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>When connections and subscriptions end by what their tokens, or the API, say.</summary>
public sealed class HubExpiryTests : IAsyncLifetime
{
    private readonly HubHarness _hub = new(HubHarness.Config() with { PingInterval = TimeSpan.FromMinutes(5) });

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Fact]
    public void Subscription_NotRefreshed_IsToldToComeAgain()
    {
        var session = _hub.Connect(_hub.Token("anna"));
        var reply = Subscribe(session, expiresIn: 10);
        (reply.Expires, reply.Ttl).ShouldBe((true, 10));

        _hub.Advance(TimeSpan.FromSeconds(34));
        _hub.Read(session).ShouldBeEmpty("it has 25 s to refresh");
        _hub.Advance(TimeSpan.FromSeconds(2));

        var push = _hub.Read(session).Single().GetProperty("push");
        push.GetProperty("unsubscribe").GetProperty("code").GetInt32().ShouldBe(2501);
        session.SubscriptionCount.ShouldBe(0);
        _hub.Closed.ShouldBeEmpty();
    }

    [Fact]
    public void Subscription_RefreshedInTime_Stays()
    {
        var session = _hub.Connect(_hub.Token("anna"));
        Subscribe(session, expiresIn: 10);
        _hub.Advance(TimeSpan.FromSeconds(20));

        var token = _hub.Token("anna", expiresIn: 100, more: ",\"channel\":\"private:a\"");
        _hub.Ask(session, $$$"""{"id":3,"sub_refresh":{"channel":"private:a","token":"{{{token}}}"}}""")
            .GetProperty("sub_refresh")
            .GetProperty("ttl")
            .GetInt32()
            .ShouldBe(100);
        _hub.Advance(TimeSpan.FromSeconds(60));

        _hub.Read(session).ShouldBeEmpty();
        session.SubscriptionCount.ShouldBe(1);
    }

    [Theory]
    [InlineData(0, false, 0)]
    [InlineData(50, true, 50)]
    public void Connection_ExpireAt_HoldsInPlaceOfExp(int expiresIn, bool expires, int ttl)
    {
        var at = expiresIn == 0 ? 0 : _hub.Node.UnixSeconds + expiresIn;
        var session = _hub.Open();

        _hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{_hub.Token("anna", more: $",\"expire_at\":{at}")}}}"}}""");

        var reply = _hub.Read(session).Single().GetProperty("connect");
        reply.TryGetProperty("expires", out _).ShouldBe(expires);
        (reply.TryGetProperty("ttl", out var seconds) ? seconds.GetInt32() : 0).ShouldBe(ttl);
    }

    [Fact]
    public void Connection_ExpireAtIsOver_IsExpired()
    {
        var session = _hub.Open();

        _hub.Send(
            session,
            $$$"""{"id":1,"connect":{"token":"{{{_hub.Token("anna", more: $",\"expire_at\":{_hub.Node.UnixSeconds - 60}")}}}"}}"""
        );

        _hub.Read(session).Single().GetProperty("error").GetProperty("code").GetInt32().ShouldBe(110);
    }

    [Fact]
    public async Task Api_Disconnect_SparesWhomItNames()
    {
        var (one, other, stranger) = (_hub.Connect(_hub.Token("anna")), _hub.Connect(_hub.Token("anna")), _hub.Connect(_hub.Token("ben")));

        await CallAsync(
            "disconnect",
            $$$"""{"user":"anna","whitelist":["{{{other.Client}}}"],"disconnect":{"code":4001,"reason":"elsewhere"}}"""
        );

        _hub.Closed.ShouldBe([new(one, new HubDisconnect(4001, "elsewhere"))]);
        (other.IsClosed, stranger.IsClosed).ShouldBe((false, false));
    }

    [Fact]
    public async Task Api_Refresh_MovesTheEnd()
    {
        var session = _hub.Connect(_hub.Token("anna"));

        await CallAsync("refresh", $$"""{"user":"anna","expire_at":{{_hub.Node.UnixSeconds + 10}}}""");
        _hub.Advance(TimeSpan.FromSeconds(34));
        _hub.Closed.ShouldBeEmpty();
        _hub.Advance(TimeSpan.FromSeconds(2));

        _hub.Closed[session].ShouldBe(HubDisconnect.Expired);
    }

    [Fact]
    public async Task Api_Subscribe_UntilATime_EndsThen()
    {
        var session = _hub.Connect(_hub.Token("anna"));

        await CallAsync(
            "subscribe",
            $$"""{"user":"anna","channel":"private:a","expire_at":{{_hub.Node.UnixSeconds + 10}},"b64data":"eyJzZWF0Ijo3fQ=="}"""
        );

        var push = _hub.Read(session).Single().GetProperty("push").GetProperty("subscribe");
        push.GetProperty("data").GetProperty("seat").GetInt32().ShouldBe(7);
        _hub.Advance(TimeSpan.FromSeconds(34));
        _hub.Read(session).Where(static frame => frame.TryGetProperty("push", out _)).ShouldBeEmpty();
        _hub.Advance(TimeSpan.FromSeconds(2));
        var end = _hub.Read(session).Single(static frame => frame.TryGetProperty("push", out _)).GetProperty("push");
        end.GetProperty("channel").GetString().ShouldBe("private:a");
        end.GetProperty("unsubscribe").GetProperty("code").GetInt32().ShouldBe(2501);
        _hub.Closed.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("publish", """{"channel":"chat:a","data":1,"version":2}""", 108, "version: is not supported")]
    [InlineData("publish", """{"channel":"chat:a","data":1,"version":0,"version_epoch":"","delta":true}""", 0, "")]
    [InlineData("broadcast", """{"channels":["chat:a"],"data":1,"version_epoch":"a"}""", 108, "version_epoch: is not supported")]
    [InlineData("subscribe", """{"user":"anna","channel":"chat:a","recover_since":{"offset":1}}""", 108, "recover_since: is not supported")]
    [InlineData("subscribe", """{"user":"anna","channel":"chat:a","override":{}}""", 108, "override: is not supported")]
    [InlineData("subscribe", """{"user":"anna","channel":"chat:a","b64info":"%"}""", 107, "b64info: must be base64 of JSON")]
    [InlineData("subscribe", """{"user":"anna","channel":"chat:a","b64data":"eA=="}""", 107, "b64data: must be base64 of JSON")]
    [InlineData("disconnect", """{"user":"anna","session":"a"}""", 108, "session: is not supported")]
    [InlineData("refresh", """{"user":"anna","info":{}}""", 108, "info: is not supported")]
    [InlineData("refresh", """{"user":"anna","expire_at":-1}""", 107, "expire_at: must be 0 or Unix seconds")]
    [InlineData("refresh", """{"user":"anna","expire_at":9223372036854775807}""", 107, "expire_at: must be 0 or Unix seconds")]
    [InlineData("refresh", """{"user":"anna","expire_at":1000000000000000}""", 0, "")]
    [InlineData("subscribe", """{"user":"anna","channel":"chat:a","expire_at":-1}""", 107, "expire_at: must be 0 or Unix seconds")]
    [InlineData("subscribe", """{"user":"anna","channel":"chat:a","expire_at":1e15}""", 107, "expire_at: must be a whole number")]
    [InlineData(
        "subscribe",
        """{"user":"anna","channel":"chat:a","expire_at":1000000000000001}""",
        107,
        "expire_at: must be 0 or Unix seconds"
    )]
    public async Task Api_WhatThereIsNot_IsRefusedByName(string method, string body, int code, string message)
    {
        var answer = await new HubApi(_hub.Node, new ApiKeys([])).HandleAsync($"/api/{method}", Encoding.UTF8.GetBytes(body));

        var json = JsonSerializer.Deserialize<JsonElement>(answer.Body.Span);
        answer.Status.ShouldBe(code == 0 ? 200 : 400);
        (json.TryGetProperty("error", out var error) ? error.GetProperty("code").GetInt32() : 0).ShouldBe(code);
        (code == 0 ? "" : error.GetProperty("message").GetString()).ShouldBe(message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MaxValue / 500)]
    public async Task Order_OfAGatewayThatChecksLess_NeitherEndsNorWakesAnybody(long expiresAt)
    {
        var session = _hub.Connect(_hub.Token("anna"));
        var order = new ControlMessage
        {
            Kind = ControlKind.Refresh,
            User = "anna",
            ExpiresAt = expiresAt,
        };

        await _hub.Node.Control.SendAsync(order);
        await _hub.Node.Control.SendAsync(order with { Kind = ControlKind.Subscribe, Channel = "private:a" });
        _hub.Settle();
        (session.WakesAt - _hub.Now).ShouldBeGreaterThan(1000);
        _hub.Advance(TimeSpan.FromSeconds(60));

        _hub.Closed.ShouldBeEmpty();
        session.SubscriptionCount.ShouldBe(1);
        (session.WakesAt - _hub.Now).ShouldBeGreaterThan(1000);
    }

    private async Task CallAsync(string method, string body)
    {
        var answer = await new HubApi(_hub.Node, new ApiKeys([])).HandleAsync($"/api/{method}", Encoding.UTF8.GetBytes(body));
        Encoding.UTF8.GetString(answer.Body.Span).ShouldBe("""{"result":{}}""");
        _hub.Settle();
    }

    private (bool Expires, int Ttl) Subscribe(HubSession session, int expiresIn)
    {
        var token = _hub.Token("anna", expiresIn, ",\"channel\":\"private:a\"");
        var reply = _hub.Ask(session, $$$"""{"id":2,"subscribe":{"channel":"private:a","token":"{{{token}}}"}}""").GetProperty("subscribe");
        return (reply.GetProperty("expires").GetBoolean(), reply.GetProperty("ttl").GetInt32());
    }
}
