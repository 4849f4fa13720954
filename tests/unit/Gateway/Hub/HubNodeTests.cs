using Mooring.Gateway.Hub.Sessions;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>A broker may hold a lock of its own while it is asked and while it tells: whoever waits for the other way round waits for ever.</summary>
public sealed class HubNodeTests : IAsyncLifetime
{
    private const string Channel = "chat:a";
    private readonly HubHarness _hub;
    private readonly List<bool> _done = [];
    private LossyBroker? _broker;

    public HubNodeTests() => _hub = new HubHarness(broker: time => _broker = new LossyBroker(time));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Fact]
    public void Broker_TellsWhileItIsAsked_NobodyWaits()
    {
        _broker!.OnChange = channel => _done.Add(Elsewhere(() => _hub.Node.OnPublication(channel, default, default)));

        Elsewhere(Subscribe).ShouldBeTrue();
        Elsewhere(() => _hub.Node.Unsubscribe(_hub.Loop, Channel)).ShouldBeTrue();

        _done.ShouldBe([true, true]);
    }

    [Fact]
    public void Positions_AreDueWhileTheBrokerIsAsked_NobodyWaits()
    {
        Subscribe();
        _hub.Node.Unsubscribe(_hub.Loop, Channel);
        // Of the channel that was: whether it still is, is looked at when it is due.
        _broker!.OnChange = _ => _done.Add(Elsewhere(() => _hub.Time.Advance(PositionChecker.Interval)));

        Elsewhere(Subscribe).ShouldBeTrue();

        _done.ShouldBe([true]);
    }

    private void Subscribe() => _hub.Node.SubscribeAsync(_hub.Loop, Channel).AsTask().IsCompletedSuccessfully.ShouldBeTrue();

    /// <summary>On another thread, which the caller's locks keep out. False: it does not come to its end.</summary>
    private static bool Elsewhere(Action act)
    {
        var thread = new Thread(() => act()) { IsBackground = true };
        thread.Start();
        return thread.Join(TimeSpan.FromSeconds(20));
    }
}
