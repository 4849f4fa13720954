using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Pings, and the ends of tokens.</summary>
public sealed class HubSessionTimeTests : IAsyncLifetime
{
    private readonly HubHarness _hub = new(
        HubHarness.Config() with
        {
            QueueSize = 10,
            QueueAge = TimeSpan.FromSeconds(5),
            PersonalNamespace = "private",
        }
    );

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Theory]
    [InlineData(0, 1)]
    [InlineData(12_345_678, 1_000)]
    [InlineData(12_345_678, 25_000)]
    [InlineData(12_345_678, 240_000)]
    public void PingAt_AfterSoLong_IsALittleEarlierWithOthers(long now, long milliseconds)
    {
        var at = Enumerable.Range(0, 100).Select(late => HubTimers.PingAt(now + late, milliseconds) - now - late).ToList();

        at.ShouldAllBe(wait => wait > 0 && wait <= milliseconds && wait >= milliseconds - Math.Max(1, Math.Min(250, milliseconds / 256)));
    }

    [Fact]
    public void Ping_NotAnswered_Closes()
    {
        var (silent, good) = (_hub.Connect(), _hub.Connect());
        for (var i = 0; i < 80 && !_hub.Closed.ContainsKey(silent); i++)
        {
            _hub.Advance(TimeSpan.FromMilliseconds(500));
            if (_hub.Read(good).Any(one => !one.EnumerateObject().Any()))
            {
                _hub.Send(good, "{}");
            }
        }

        _hub.Closed[silent].ShouldBe(HubDisconnect.NoPong);
        _hub.Closed.ShouldNotContainKey(good);
    }

    [Fact]
    public async Task Pings_TwoBeforeTheFirstPong_AreBothAnswered()
    {
        await using var hub = new HubHarness(HubHarness.Config() with { PingInterval = TimeSpan.FromSeconds(5) });
        var session = hub.Connect();
        var pings = 0;
        for (var i = 0; i < 40 && pings < 2; i++)
        {
            hub.Advance(TimeSpan.FromMilliseconds(500));
            pings += hub.Read(session).Count;
        }

        hub.Send(session, "{}");
        hub.Send(session, "{}");

        hub.Closed.ShouldBeEmpty();
        hub.Send(session, "{}");
        hub.Closed[session].ShouldBe(HubDisconnect.BadRequest, "nobody asked for a third");
    }

    [Fact]
    public void Pong_WhileCommandsAreHeld_Counts()
    {
        var session = _hub.Connect();
        session.IsBlocked = true;
        for (var i = 0; i < 60 && session.Pings == 0; i++)
        {
            _hub.Advance(TimeSpan.FromMilliseconds(500));
        }

        session.PongBy.ShouldBeGreaterThan(0);
        _hub.Send(session, "{}");

        session.PongBy.ShouldBe(0);
        session.Held.ShouldBeNull();
        _hub.Closed.ShouldBeEmpty();
    }

    [Fact]
    public void Pong_IsNoCommand()
    {
        var session = _hub.Connect();
        for (var i = 0; i < 60 && session.Pings == 0; i++)
        {
            _hub.Advance(TimeSpan.FromMilliseconds(500));
        }

        ((int)session.Pings).ShouldBe(1);
        var counts = new long[DurationBounds.Latency.Length + 1];
        _hub.Send(session, "{}");
        ((int)session.Pings).ShouldBe(0);

        _hub.Loop.Counters.Commands.ShouldBe(1, "its connect");
        _hub.Loop.Counters.Responses.AddTo(counts);
        counts.Sum().ShouldBe(1);
        _hub.Ask(session, """{"id":2,"ping":{}}""");
        _hub.Loop.Counters.Commands.ShouldBe(2, "one with an id is");
    }

    [Fact]
    public void Pong_WithoutPing_Closes()
    {
        var session = _hub.Connect();

        _hub.Send(session, "{}");

        _hub.Closed[session].ShouldBe(HubDisconnect.BadRequest);
    }

    [Fact]
    public void Expiry_NotRefreshed_Closes()
    {
        var session = _hub.Connect(_hub.Token("anna", expiresIn: 10));
        for (var i = 0; i < 20; i++)
        {
            _hub.Advance(TimeSpan.FromSeconds(2));
            Answer(session);
        }

        _hub.Closed[session].ShouldBe(HubDisconnect.Expired);
    }

    [Fact]
    public void Refresh_InTime_GoesOn()
    {
        var session = _hub.Connect(_hub.Token("anna", expiresIn: 10));

        var reply = _hub.Ask(session, $$$"""{"id":2,"refresh":{"token":"{{{_hub.Token("anna", expiresIn: 100)}}}"}}""")
            .GetProperty("refresh");

        reply.GetProperty("expires").GetBoolean().ShouldBeTrue();
        reply.GetProperty("ttl").GetInt32().ShouldBe(100);
        _hub.Send(session, $$$"""{"id":3,"refresh":{"token":"{{{_hub.Token("ben")}}}"}}""");
        _hub.Closed[session].ShouldBe(HubDisconnect.InvalidToken);
    }

    [Fact]
    public void SubRefresh_ByAnExpiredToken_SubscribesAgain()
    {
        var session = _hub.Connect(_hub.Token("anna"));
        var token = _hub.Token("anna", expiresIn: 20, more: ",\"channel\":\"private:a\"");
        _hub.Ask(session, $$$"""{"id":2,"subscribe":{"channel":"private:a","token":"{{{token}}}"}}""")
            .TryGetProperty("subscribe", out _)
            .ShouldBeTrue();
        var old = _hub.Token("anna", expiresIn: -100, more: ",\"channel\":\"private:a\"");

        _hub.Send(session, $$$"""{"id":3,"sub_refresh":{"channel":"private:a","token":"{{{old}}}"}}""");

        // In this order: who has left the channel does not take the error for the end of its subscription.
        var answers = _hub.Read(session);
        answers.Count.ShouldBe(2);
        answers[0].GetProperty("push").GetProperty("unsubscribe").GetProperty("code").GetInt32().ShouldBe(2501);
        answers[1].GetProperty("error").GetProperty("code").GetInt32().ShouldBe(109);
        session.Find("private:a").ShouldBeNull();
    }

    private void Answer(HubSession session)
    {
        if (_hub.Read(session).Any(one => !one.EnumerateObject().Any()) && !session.IsClosed)
        {
            _hub.Send(session, "{}");
        }
    }
}
