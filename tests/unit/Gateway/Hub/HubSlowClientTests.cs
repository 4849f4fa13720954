using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Clients that do not take what is sent to them: what waits is seen, and bounded as their namespace says.</summary>
public sealed class HubSlowClientTests : IAsyncLifetime
{
    private readonly HubHarness _hub = new(
        HubHarness.Config(
            new HubNamespaceConfig
            {
                Name = "oldest",
                Subscribe = HubAudience.Everyone,
                WhenQueueFull = HubOverflow.DropOldest,
            },
            new HubNamespaceConfig
            {
                Name = "newest",
                Subscribe = HubAudience.Everyone,
                WhenQueueFull = HubOverflow.DropNewest,
            }
        ) with
        {
            QueueSize = 10,
            QueueAge = TimeSpan.FromSeconds(5),
        }
    );

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Fact]
    public void Waiting_IsLookedAt()
    {
        var session = Stuck("plain:a");
        PublishMany("plain:a", 3);
        _hub.Loop.LookAtQueues();
        _hub.Time.Advance(TimeSpan.FromSeconds(2));
        _hub.Settle();

        var depth = _hub.Loop.LookAtQueues();
        (depth.Frames, depth.Bytes, depth.Oldest).ShouldBe((3L, session.Out.Bytes, 2000L));
        Release(session);
        _hub.Loop.LookAtQueues();
        _hub.Settle();
        _hub.Loop.LookAtQueues().ShouldBe(QueueDepth.None);
    }

    [Fact]
    public void Slow_Disconnect_IsDisconnected()
    {
        var session = Stuck("plain:a");
        PublishMany("plain:a", 11);

        _hub.Closed[session].ShouldBe(HubDisconnect.Slow);
        _hub.Loop.Counters.Slow.ShouldBe(1);
    }

    [Theory]
    [InlineData("oldest:a", "6 7 8 9 10 11 12 13 14 15")]
    [InlineData("newest:a", "1 2 3 4 5 6 7 8 9 10")]
    public void Slow_Drops_TheOldestOrTheNewest(string channel, string expected)
    {
        var session = Stuck(channel);
        PublishMany(channel, 15);

        Release(session);

        Data(session).ShouldBe(expected);
        (_hub.Loop.Counters.DroppedOldest + _hub.Loop.Counters.DroppedNewest).ShouldBe(5);
    }

    [Fact]
    public void Slow_ForTooLong_IsDisconnected()
    {
        var session = Stuck("newest:a");
        PublishMany("newest:a", 1);

        _hub.Advance(TimeSpan.FromSeconds(6));

        _hub.Closed[session].ShouldBe(HubDisconnect.Slow);
    }

    private HubSession Stuck(string channel)
    {
        var session = _hub.Connect();
        _hub.Ask(session, $$$"""{"id":2,"subscribe":{"channel":"{{{channel}}}"}}""");
        _hub.Stuck.Add(session);
        return session;
    }

    private void Release(HubSession session)
    {
        _hub.Stuck.Remove(session);
        _hub.Flush(session);
    }

    private void PublishMany(string channel, int count)
    {
        for (var i = 1; i <= count; i++)
        {
            _hub.Publish(channel, $"{i}");
        }
    }

    private string Data(HubSession session) =>
        string.Join(' ', _hub.Read(session).Select(one => one.GetProperty("push").GetProperty("pub").GetProperty("data").GetRawText()));
}
