using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Telemetry;
using Mooring.Testing.ApiDouble;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class MetricsTests
{
    // A plural that no other test uses, since the meter is the process's.
    private static readonly ResourceType<Widget> Gadgets = new("metrics.test", "v1", "gadgets", "Gadget", true, WidgetJson.Default.Widget);

    [Fact]
    public async Task Requests_AreCounted_ByVerbResourceAndCode()
    {
        var durations = new ConcurrentBag<string>();
        long inFlight = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == KubernetesMetrics.Name)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>(
            (instrument, _, tags, _) =>
            {
                if (
                    instrument.Name == "kubernetes.client.request.duration"
                    && Tag(tags, "resource")!.Contains("gadgets", StringComparison.Ordinal)
                )
                {
                    durations.Add($"{Tag(tags, "verb")} {Tag(tags, "resource")} {Tag(tags, "code")}");
                }
            }
        );
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) =>
            {
                if (
                    instrument.Name == "kubernetes.client.requests.inflight"
                    && Tag(tags, "resource")!.Contains("gadgets", StringComparison.Ordinal)
                )
                {
                    Interlocked.Add(ref inFlight, value);
                }
            }
        );
        listener.Start();
        await using var api = await KubernetesApiDouble.StartAsync();
        using var client = Widgets.Client(api);
        var gadget = new Widget
        {
            Metadata = new ObjectMeta { Name = "a", Namespace = "ns" },
        };
        await client.CreateAsync(Gadgets, gadget);
        gadget = await client.ApplyAsync(Gadgets, gadget);
        gadget.Status = new WidgetStatus { Replicas = 1 };
        await client.ReplaceStatusAsync(Gadgets, gadget);
        await client.FindAsync(Gadgets, "ns", "none");
        await client.ListAsync(Gadgets, "ns");
        await client.DeleteAsync(Gadgets, "ns", "a");
        durations
            .Order()
            .ShouldBe(
                new[]
                {
                    "apply gadgets.metrics.test 200",
                    "create gadgets.metrics.test 201",
                    "delete gadgets.metrics.test 200",
                    "get gadgets.metrics.test 404",
                    "list gadgets.metrics.test 200",
                    "update gadgets.metrics.test/status 200",
                }
            );
        Interlocked.Read(ref inFlight).ShouldBe(0);
        await using (var events = client.WatchAsync(Gadgets, "ns").GetAsyncEnumerator())
        {
            var next = events.MoveNextAsync();
            await client.CreateAsync(
                Gadgets,
                new Widget
                {
                    Metadata = new ObjectMeta { Name = "b", Namespace = "ns" },
                }
            );
            (await next).ShouldBeTrue();
            Interlocked.Read(ref inFlight).ShouldBe(1, "a watch is under way until it ends");
        }

        Interlocked.Read(ref inFlight).ShouldBe(0);
    }

    private static string? Tag(ReadOnlySpan<KeyValuePair<string, object?>> tags, string name)
    {
        foreach (var (key, value) in tags)
        {
            if (key == name)
            {
                return value as string;
            }
        }

        return null;
    }
}
