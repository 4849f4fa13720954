using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>A subscription whose token takes its time to be checked.</summary>
public sealed class TokenWaitTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource<ReadOnlyMemory<byte>> _keys = new();
    private readonly HubHarness _hub;
    private readonly HubSession _session;
    private LossyBroker? _broker;

    public TokenWaitTests()
    {
        _hub = new HubHarness(
            broker: time => _broker = new LossyBroker(time),
            fetched: new JwksCache(_ => _keys.Task, TimeProvider.System)
        );
        _session = _hub.Connect();
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Fact]
    public async Task Reload_Meanwhile_ItIsByTheNewOptions()
    {
        Subscribe();
        Reload(new HubNamespaceConfig { Name = "private", Presence = true });
        (await AnswerAsync()).GetProperty("subscribe").TryGetProperty("positioned", out _).ShouldBeFalse();

        var subscription = _session.Find("private:a").ShouldNotBeNull();
        subscription.Options.ShouldBeSameAs(_hub.Node.Options.Find("private:a"));
        subscription.Is(SubscriptionFlags.Positioned).ShouldBeFalse();
        (await _hub.Broker.PresenceStatsAsync("private:a")).Clients.ShouldBe(1);
    }

    [Fact]
    public async Task Reload_NamespaceIsNoMore_IsUnknown()
    {
        Subscribe();
        Reload();
        (await AnswerAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(102);
        _session.SubscriptionCount.ShouldBe(0);
    }

    [Fact]
    public async Task Reload_NamespaceIsAQueueNow_IsToComeAgain()
    {
        Subscribe();
        Reload(new HubNamespaceConfig { Name = "private", Queue = new HubQueueConfig() });
        (await AnswerAsync()).GetProperty("error").GetProperty("code").GetInt32().ShouldBe(100, "it has not said what it does of it");
        _session.SubscriptionCount.ShouldBe(0);
        _hub.Node.Dispatcher.Workers.ShouldBe(0);
    }

    [Fact]
    public async Task ResponseTime_IsFromTheCommandToItsReply_WhateverItWaitedFor()
    {
        _broker!.HoldsReads = true;
        _hub.Time.Advance(TimeSpan.FromSeconds(1));
        Subscribe();
        // Waits behind it, in the message after.
        _hub.Send(_session, """{"id":3,"ping":{}}""");
        _hub.Time.Advance(TimeSpan.FromSeconds(2));
        CheckToken();
        await Until.TrueAsync(
            () =>
            {
                _hub.Settle();
                return _broker.Reads == 1;
            },
            Limit,
            "the token is good"
        );
        _hub.Time.Advance(TimeSpan.FromSeconds(3));
        _broker.AnswerReads();
        var ids = new List<int>();
        await Until.TrueAsync(
            () =>
            {
                ids.AddRange(_hub.Read(_session).Select(one => one.GetProperty("id").GetInt32()));
                return ids.Contains(2);
            },
            Limit,
            "the reply"
        );

        ids.ShouldBe([3, 2]);
        var counts = new long[DurationBounds.Latency.Length + 1];
        var sum = _hub.Loop.Counters.Responses.AddTo(counts);
        counts.Sum().ShouldBe(3, "connect, ping and subscribe");
        sum.ShouldBe(7_000_000);
    }

    private void Subscribe() =>
        _hub.Send(
            _session,
            $$$"""{"id":2,"subscribe":{"channel":"private:a","token":"{{{_hub.Token("", more: ",\"channel\":\"private:a\"")}}}"}}"""
        );

    private void Reload(params HubNamespaceConfig[] namespaces) =>
        _hub.Node.Options = new HubOptions(new HubConfig { Anonymous = true, Namespaces = namespaces }, new OriginList([]));

    private void CheckToken()
    {
        var secret = System.Buffers.Text.Base64Url.EncodeToString("sixteen bytes and more"u8.ToArray());
        _keys.SetResult(Encoding.UTF8.GetBytes($$"""{"keys":[{"kty":"oct","k":"{{secret}}"}]}"""));
    }

    private async Task<JsonElement> AnswerAsync()
    {
        CheckToken();
        var all = new List<JsonElement>();
        await Until.TrueAsync(
            () =>
            {
                all.AddRange(_hub.Read(_session));
                return all.Count > 0;
            },
            Limit,
            "it is answered"
        );
        return all.Single();
    }
}
