using System.Text;
using System.Text.Json;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Control;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tests.Hub;

public sealed class HubSessionTests : IAsyncLifetime
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
    [InlineData("""{"id":1,"subscribe":{"channel":"chat:a"}}""", 3501)]
    [InlineData("""{"id":1,"connect":{}}{""", 3501)]
    [InlineData("not json", 3501)]
    [InlineData("", 3501)]
    [InlineData("{}", 3501)]
    [InlineData("""{"connect":{}}""", 3501)]
    [InlineData("""{"id":1,"connect":{"token":"a.b.c"}}""", 3500)]
    [InlineData("""{"id":1,"connect":{}}""" + "\n" + """{"id":2,"connect":{}}""", 3501)]
    [InlineData("""{"id":1,"connect":{}}""" + "\n" + """{"send":{"data":1}}""", 3508)]
    public void Open_FirstMessageWrong_Closes(string message, int code)
    {
        var session = _hub.Open();

        _hub.Send(session, message);

        _hub.Closed[session].Code.ShouldBe(code);
        _hub.Loop.Sessions.ShouldBeEmpty();
    }

    [Fact]
    public void Open_Silent_IsStale()
    {
        var session = _hub.Open();

        _hub.Advance(TimeSpan.FromSeconds(11));

        _hub.Closed[session].ShouldBe(HubDisconnect.Stale);
    }

    [Fact]
    public void Connect_ExpiredToken_IsToldAndClosed()
    {
        var session = _hub.Open();

        _hub.Send(session, $$$"""{"id":7,"connect":{"token":"{{{_hub.Token("anna", expiresIn: -100)}}}"}}""");

        _hub.Read(session).Single().GetProperty("error").GetProperty("code").GetInt32().ShouldBe(109);
        _hub.Advance(TimeSpan.FromSeconds(3));
        _hub.Closed[session].Code.ShouldBe(3000);
    }

    [Fact]
    public async Task Connect_KeysComeLate_CommandsBehindItWaitInOrder()
    {
        var keys = new TaskCompletionSource<ReadOnlyMemory<byte>>();
        await using var hub = new HubHarness(fetched: new JwksCache(_ => keys.Task, TimeProvider.System));
        var session = hub.Open();
        var secret = System.Buffers.Text.Base64Url.EncodeToString("sixteen bytes and more"u8.ToArray());

        hub.Send(
            session,
            $$$"""{"id":1,"connect":{"token":"{{{hub.Token("anna")}}}"}}"""
                + "\n{\"id\":2,\"subscribe\":{\"channel\":\"chat:a\"}}\n{\"id\":3,\"subscribe\":{\"channel\":\"chat:b\"}}"
        );
        hub.Send(session, """{"id":4,"publish":{"channel":"chat:a","data":{"n":1}}}""");
        hub.Read(session).ShouldBeEmpty();
        keys.SetResult(Encoding.UTF8.GetBytes($$"""{"keys":[{"kty":"oct","k":"{{secret}}"}]}"""));

        var all = new List<JsonElement>();
        await Testing.Until.TrueAsync(
            () =>
            {
                all.AddRange(hub.Read(session));
                return all.Count == 5;
            },
            TimeSpan.FromSeconds(30),
            "all are answered"
        );
        string.Join(' ', all.Select(one => one.TryGetProperty("id", out var id) ? $"{id}" : "push")).ShouldBe("1 2 3 4 push");
    }

    [Fact]
    public async Task Held_BehindATokenOfASubscription_GoesOnInOrder()
    {
        var keys = new TaskCompletionSource<ReadOnlyMemory<byte>>();
        await using var hub = new HubHarness(fetched: new JwksCache(_ => keys.Task, TimeProvider.System));
        var session = hub.Open();
        var secret = System.Buffers.Text.Base64Url.EncodeToString("sixteen bytes and more"u8.ToArray());
        hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{hub.Token("anna")}}}"}}""");
        for (var i = 2; i < 200; i += 4)
        {
            var token = hub.Token("anna", more: $",\"channel\":\"private:{i}\"");
            hub.Send(
                session,
                $$$"""{"id":{{{i}}},"subscribe":{"channel":"private:{{{i}}}","token":"{{{token}}}"}}"""
                    + $"\n{{\"id\":{i + 1},\"subscribe\":{{\"channel\":\"chat:{i}\"}}}}"
            );
            hub.Send(session, $$$"""{"id":{{{i + 2}}},"publish":{"data":{"n":1},"channel":"chat:{{{i}}}"}}""");
            hub.Send(session, $$$"""{"id":{{{i + 3}}},"unsubscribe":{"channel":"private:{{{i}}}"}}""");
        }

        hub.Closed.ShouldBeEmpty();
        keys.SetResult(Encoding.UTF8.GetBytes($$"""{"keys":[{"kty":"oct","k":"{{secret}}"}]}"""));

        var ids = new List<int>();
        await Testing.Until.TrueAsync(
            () =>
            {
                ids.AddRange(
                    hub.Read(session).Where(one => one.TryGetProperty("id", out _)).Select(one => one.GetProperty("id").GetInt32())
                );
                return ids.Count >= 201;
            },
            TimeSpan.FromSeconds(30),
            "all are answered"
        );
        ids.ShouldBe(Enumerable.Range(1, 201));
    }

    [Theory]
    [InlineData("private:a", 105)]
    [InlineData("chat:b", 106)]
    public async Task Subscribe_ServerDoesSoWhileTheTokenIsChecked_TakesThePlace(string channel, int code)
    {
        var keys = new TaskCompletionSource<ReadOnlyMemory<byte>>();
        await using var hub = new HubHarness(
            HubHarness.Config() with
            {
                MaxChannels = 1,
            },
            fetched: new JwksCache(_ => keys.Task, TimeProvider.System)
        );
        var session = hub.Connect();
        var secret = System.Buffers.Text.Base64Url.EncodeToString("sixteen bytes and more"u8.ToArray());
        hub.Send(
            session,
            $$$"""{"id":2,"subscribe":{"channel":"private:a","token":"{{{hub.Token("", more: ",\"channel\":\"private:a\"")}}}"}}"""
        );
        var order = new ControlMessage
        {
            Kind = ControlKind.Subscribe,
            Client = session.Client,
            Channel = channel,
        };
        (await hub.Node.Control.SendAsync(order)).ShouldBe(BrokerStatus.Ok);
        hub.Read(session).Single().GetProperty("push").GetProperty("subscribe").ToString().ShouldNotBeEmpty();

        keys.SetResult(Encoding.UTF8.GetBytes($$"""{"keys":[{"kty":"oct","k":"{{secret}}"}]}"""));

        var all = new List<JsonElement>();
        await Testing.Until.TrueAsync(
            () =>
            {
                all.AddRange(hub.Read(session));
                return all.Count > 0;
            },
            TimeSpan.FromSeconds(30),
            "it is answered"
        );
        all.Single().GetProperty("error").GetProperty("code").GetInt32().ShouldBe(code, all[0].GetRawText());
        hub.Publish(channel, "1");
        hub.Read(session).ShouldHaveSingleItem("it is subscribed once");
    }

    [Fact]
    public void Held_TooMuch_Closes()
    {
        var session = _hub.Open();
        session.IsBlocked = true;

        for (var i = 0; i < 10 && !_hub.Closed.ContainsKey(session); i++)
        {
            _hub.Send(session, new string('x', 60_000));
        }

        _hub.Closed[session].ShouldBe(HubDisconnect.TooManyRequests);
    }

    [Fact]
    public void Publish_PrettyPrinted_ReachesSubscribersOnOneLine()
    {
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"chat:a"}}""");

        _hub.Publish("chat:a", "{\n  \"text\": \"a\\nb\"\n}");

        var publication = _hub.Read(session).Single().GetProperty("push").GetProperty("pub");
        publication.GetProperty("data").GetProperty("text").GetString().ShouldBe("a\nb");
        publication.GetProperty("data").GetRawText().ShouldNotContain("\n");
    }

    [Theory]
    [InlineData("""{"id":2,"subscribe":{"channel":"nowhere:a"}}""", 102)]
    [InlineData("""{"id":2,"subscribe":{"channel":"private:a"}}""", 103)]
    [InlineData("""{"id":2,"subscribe":{"channel":"chat:#somebody"}}""", 103)]
    [InlineData("""{"id":2,"subscribe":{"channel":""}}""", 107)]
    [InlineData("""{"id":2,"subscribe":{"channel":"chat:a","type":1}}""", 108)]
    [InlineData("""{"id":2,"subscribe":{"channel":"chat:a","tf":{"op":"eq"}}}""", 108)]
    [InlineData("""{"id":2,"subscribe":{"channel":"chat:a","delta":"other"}}""", 107)]
    [InlineData("""{"id":2,"publish":{"channel":"private:a","data":1}}""", 103)]
    [InlineData("""{"id":2,"publish":{"channel":"chat:a"}}""", 107)]
    [InlineData("""{"id":2,"publish":{"channel":"chat:a","data":1,"type":1}}""", 108)]
    [InlineData("""{"id":2,"history":{"channel":"plain:a"}}""", 108)]
    [InlineData("""{"id":2,"presence":{"channel":"chat:a"}}""", 108)]
    [InlineData("""{"id":2,"rpc":{"method":"x"}}""", 108)]
    [InlineData("""{"id":2,"sub_refresh":{"channel":"chat:a","token":"x"}}""", 103)]
    public void Command_Refused_ConnectionGoesOn(string command, int code)
    {
        var session = _hub.Connect();

        _hub.Ask(session, command).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(code);

        _hub.Ask(session, """{"id":9,"ping":{}}""").GetProperty("ping").EnumerateObject().ShouldBeEmpty();
    }

    [Fact]
    public void Unsubscribe_NotSubscribed_IsNoError()
    {
        var session = _hub.Connect();

        _hub.Ask(session, """{"id":2,"unsubscribe":{"channel":"chat:a"}}""").GetProperty("unsubscribe").EnumerateObject().ShouldBeEmpty();
    }

    [Fact]
    public void Subscribe_Twice_IsAlreadySubscribed()
    {
        var session = _hub.Connect();
        _hub.Ask(session, """{"id":2,"subscribe":{"channel":"chat:a"}}""").GetProperty("subscribe").GetProperty("recoverable").GetBoolean();

        _hub.Ask(session, """{"id":3,"subscribe":{"channel":"chat:a"}}""")
            .GetProperty("error")
            .GetProperty("code")
            .GetInt32()
            .ShouldBe(105);
    }

    [Fact]
    public void Token_OfAnotherChannelOrUser_OpensNothing()
    {
        var session = _hub.Connect(_hub.Token("anna"));
        foreach (
            var token in new[]
            {
                _hub.Token("anna", more: ",\"channel\":\"private:b\""),
                _hub.Token("ben", more: ",\"channel\":\"private:a\""),
            }
        )
        {
            _hub.Ask(session, $$$"""{"id":2,"subscribe":{"channel":"private:a","token":"{{{token}}}"}}""")
                .GetProperty("error")
                .GetProperty("code")
                .GetInt32()
                .ShouldBe(103);
        }

        var right = _hub.Token("anna", more: ",\"channel\":\"private:a\"");
        _hub.Ask(session, $$$"""{"id":3,"subscribe":{"channel":"private:a","token":"{{{right}}}"}}""")
            .TryGetProperty("subscribe", out _)
            .ShouldBeTrue();
    }

    [Theory]
    [InlineData(",\"b64info\":\"AAAA\"")]
    [InlineData(",\"subs\":{\"private:a\":{\"b64info\":\"AAAA\"}}")]
    public void Token_ShowsOthersWhatIsNoJson_OpensNothing(string more)
    {
        var session = _hub.Open();

        _hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{_hub.Token("anna", more: more)}}}"}}""");

        _hub.Closed[session].ShouldBe(HubDisconnect.InvalidToken);
    }

    [Fact]
    public void Connect_UserWithoutAPlace_IsTold()
    {
        _hub.Places = static (_, _) => PlaceAnswer.Full;
        var session = _hub.Open();
        _hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{_hub.Token("ann")}}}"}}""");
        _hub.Closed[session].ShouldBe(HubDisconnect.ConnectionLimit);
        _hub.Connect().User.ShouldBeEmpty("who has no name is not counted");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Connect_FleetIsAskedForAPlace_ItsWordHolds(bool hasRoom)
    {
        Action<bool>? answer = null;
        _hub.Places = (_, told) =>
        {
            answer = told;
            return PlaceAnswer.Asked;
        };
        var session = _hub.Open();
        _hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{_hub.Token("ann")}}}"}}""");
        _hub.Read(session).ShouldBeEmpty();
        answer!(hasRoom);
        _hub.Settle();
        _hub.Closed.ContainsKey(session).ShouldBe(!hasRoom);
        _hub.Read(session).Count.ShouldBe(hasRoom ? 1 : 0);

        answer(false);
        _hub.Closed.ContainsKey(session).ShouldBe(!hasRoom, "it has said so once");
    }

    [Fact]
    public void Connect_FleetDoesNotAnswer_GoesOn()
    {
        Action<bool>? answer = null;
        _hub.Places = (_, told) =>
        {
            answer = told;
            return PlaceAnswer.Asked;
        };
        var session = _hub.Open();
        _hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{_hub.Token("ann")}}}"}}""");
        _hub.Advance(TimeSpan.FromMilliseconds(1001));
        _hub.Read(session).Single().GetProperty("connect").GetProperty("client").GetString().ShouldNotBeEmpty();
        answer!(false);
        _hub.Closed.ShouldBeEmpty("too late");
    }

    [Fact]
    public void Connects_TooFast_WaitForTheirTurnOrComeAgain()
    {
        _hub.Node.Options = new(HubHarness.Config() with { ConnectsPerSecond = 10 }, new OriginList([]));
        var sessions = Enumerable.Range(0, 60).Select(_ => _hub.Open()).ToList();
        foreach (var session in sessions)
        {
            _hub.Send(session, """{"id":1,"connect":{}}""");
        }

        var answers = sessions.ToDictionary(session => session, session => _hub.Read(session));
        var refused = answers.Count(one =>
            one.Value.Any(reply => reply.TryGetProperty("error", out var error) && error.GetProperty("code").GetInt32() == 111)
        );
        refused.ShouldBeInRange(20, 25);
        sessions.Count(session => session.State == SessionState.Connected).ShouldBeInRange(1, 3);
        _hub.Advance(TimeSpan.FromSeconds(2));
        sessions.Count(session => session.State == SessionState.Connected).ShouldBeInRange(17, 20);
        _hub.Advance(TimeSpan.FromSeconds(2.5));
        sessions.Count(session => session.State == SessionState.Connected).ShouldBe(60 - refused);
    }

    [Fact]
    public void Connect_Held_IsCountedWithAllItsTime()
    {
        _hub.Node.Options = new(HubHarness.Config() with { ConnectsPerSecond = 1 }, new OriginList([]));
        var (first, second) = (_hub.Open(), _hub.Open());
        _hub.Send(first, "{\"id\":1,\"connect\":{}}");
        _hub.Send(second, "{\"id\":1,\"connect\":{}}");
        second.State.ShouldBe(SessionState.Connecting);
        var counts = new long[DurationBounds.Latency.Length + 1];
        _hub.Loop.Counters.Responses.AddTo(counts).ShouldBe(0);
        counts.Sum().ShouldBe(1);

        _hub.Advance(TimeSpan.FromSeconds(3));

        second.State.ShouldBe(SessionState.Connected);
        Array.Clear(counts);
        _hub.Loop.Counters.Responses.AddTo(counts).ShouldBeInRange(500_000, 3_000_000);
        counts.Sum().ShouldBe(2);
    }

    [Theory]
    [InlineData("{\"id\":2,\"subscribe\":{\"channel\":\"chat:a\",\"recover\":true,\"offset\":0,\"epoch\":\"\"}}", 1)]
    [InlineData("{\"id\":2,\"subscribe\":{\"channel\":\"chat:a\"}}", 0)]
    public void Subscribe_FirstOneRecovers_IsAReconnectOnce(string first, int expected)
    {
        var session = _hub.Connect();
        _hub.Send(session, first);
        _hub.Send(session, "{\"id\":3,\"subscribe\":{\"channel\":\"chat:b\",\"recover\":true,\"offset\":0,\"epoch\":\"\"}}");

        _hub.Loop.Counters.Resumes.ShouldBe(expected);
    }

    [Fact]
    public void ServerSide_Gap_ClosesConnection()
    {
        var session = _hub.Connect(_hub.Token("anna"));
        var subscription = session.Find("private:#anna").ShouldNotBeNull();
        var epoch = subscription.Position.Epoch;
        _hub.Node.OnPublication("private:#anna", new(5, epoch), PublicationParts.Encode("1"u8, null, null, 0));
        _hub.Settle();

        _hub.Closed[session].ShouldBe(HubDisconnect.InsufficientState);
    }
}
