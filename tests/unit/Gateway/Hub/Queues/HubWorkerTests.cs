using System.Text;
using System.Text.Json;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Queues;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Queues;

/// <summary>Clients that do jobs.</summary>
public sealed class HubWorkerTests
{
    private const string Channel = "jobs:a";
    private const int Jobs = 50;

    [Fact]
    public async Task Reload_WhileAWorkerStays_ItsNextJobIsItsForAsLongAsIsSetNow()
    {
        await using var hub = new HubHarness(Config(new HubQueueConfig { AckTimeout = TimeSpan.FromHours(1) }));
        var session = hub.Connect();
        hub.Ask(session, $$$"""{"id":2,"subscribe":{"data":{"slots":2},"channel":"{{{Channel}}}"}}""");
        // With both places taken no claim is under way, which would be by the options that it began with.
        await EnqueueAsync(hub, 1);
        await EnqueueAsync(hub, 1);
        await Until.TrueAsync(() => hub.Node.Dispatcher.Held == 2, TimeSpan.FromSeconds(60), "it has two");

        hub.Node.Options = new(Config(new HubQueueConfig { AckTimeout = TimeSpan.FromSeconds(20) }), new OriginList([]));
        await EnqueueAsync(hub, 1);
        var worker = session.Find(Channel).ShouldNotBeNull().Worker.ShouldNotBeNull();
        (await hub.Node.Dispatcher.SettleAsync(Channel, "workers", worker, 1, QueueVerdict.Done, null)).ShouldBe(SettleStatus.Ok);
        await Until.TrueAsync(() => hub.Node.Dispatcher.Counters.Delivered == 3, TimeSpan.FromSeconds(60), "and another");

        (await ClaimAsync(hub)).NextDue.ShouldBe(TimeSpan.FromSeconds(20));
        hub.Time.Advance(TimeSpan.FromSeconds(21));
        await Until.TrueAsync(
            () =>
            {
                hub.Node.Dispatcher.Wake(Channel);
                return hub.Node.Dispatcher.Counters.TimedOut > 0;
            },
            TimeSpan.FromSeconds(60),
            "the third's time is over"
        );
        // The third may be its again already: its backoff began when its end was noticed, on the way or after it.
        (await hub.Node.Dispatcher.SettleAsync(Channel, "workers", worker, 2, QueueVerdict.Done, null)).ShouldBe(
            SettleStatus.Ok,
            "the second was given for an hour"
        );
        hub.Node.Dispatcher.Counters.TimedOut.ShouldBe(1);
    }

    [Fact]
    public async Task Reload_WhileAClientSubscribes_ItsJobsAreItsForAsLongAsIsSetNow()
    {
        LossyBroker? broker = null;
        await using var hub = new HubHarness(Config(new HubQueueConfig()), time => broker = new LossyBroker(time));
        broker!.OnChange = _ =>
            hub.Node.Options = new(Config(new HubQueueConfig { AckTimeout = TimeSpan.FromMinutes(20) }), new OriginList([]));
        hub.Ask(hub.Connect(), $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}"}}""");
        await EnqueueAsync(hub, 1);
        await Until.TrueAsync(() => hub.Node.Dispatcher.Held == 1, TimeSpan.FromSeconds(60), "it has one");

        (await ClaimAsync(hub)).NextDue.ShouldBe(TimeSpan.FromMinutes(20));
    }

    [Fact]
    public async Task Worker_MayHaveMoreThanItTakesAtOnce_IsNotSlow()
    {
        await using var hub = new HubHarness(Config(new HubQueueConfig()));
        var session = hub.Connect();
        hub.Ask(session, $$$"""{"id":2,"subscribe":{"data":{"slots":60},"channel":"{{{Channel}}}"}}""");
        var worker = session.Find(Channel).ShouldNotBeNull().Worker.ShouldNotBeNull();
        hub.Room[session] = 100_000;
        for (var i = 0; i < Jobs; i++)
        {
            await EnqueueAsync(hub, 60_000);
        }

        await Until.TrueAsync(() => hub.Node.Dispatcher.Held == Jobs, TimeSpan.FromSeconds(60), "all are on their way to it");
        hub.Settle();
        hub.Closed.ShouldBeEmpty();
        worker.TakesMore.ShouldBeFalse("what there is waits for it");
        await EnqueueAsync(hub, 10);

        var got = new List<(string Job, string Attempt)>();
        await Until.TrueAsync(
            () =>
            {
                hub.Room[session] = 200_000;
                hub.Flush(session);
                got.AddRange(hub.Read(session).Select(Tags));
                return got.Count > Jobs;
            },
            TimeSpan.FromSeconds(60),
            "it gets all, and what came meanwhile once all that has gone"
        );
        got.ShouldBe(Enumerable.Range(1, Jobs + 1).Select(static id => ($"{id}", "1")));
        hub.Closed.ShouldBeEmpty();
    }

    private static HubConfig Config(HubQueueConfig queue) =>
        HubHarness.Config(
            new HubNamespaceConfig
            {
                Name = "jobs",
                Subscribe = HubAudience.Everyone,
                Queue = queue,
            }
        );

    private static ValueTask<ClaimResult> ClaimAsync(HubHarness hub) =>
        hub.Broker.Queues.ClaimAsync(Channel, "workers", 1, hub.Node.Options.Find(Channel)!.Queue!);

    private static async Task EnqueueAsync(HubHarness hub, int bytes)
    {
        var data = JsonSerializer.Serialize(new string('x', bytes));
        var draft = new JobDraft(PublicationParts.Encode(Encoding.UTF8.GetBytes(data), null, null, 0));
        (await hub.Broker.Queues.EnqueueAsync(Channel, draft, hub.Node.Options.Find(Channel)!.Queue!)).Status.ShouldBe(BrokerStatus.Ok);
    }

    private static (string Job, string Attempt) Tags(JsonElement push)
    {
        var tags = push.GetProperty("push").GetProperty("pub").GetProperty("tags");
        return (tags.GetProperty("job").GetString()!, tags.GetProperty("attempt").GetString()!);
    }
}
