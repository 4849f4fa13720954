using Mooring.Kubernetes.Informers;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Informers;

/// <summary>Tests that measure the whole process, so that nothing else may run beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

[Collection(Alone.Name)]
public sealed class InformerMemoryTests
{
    [Fact]
    public async Task Reconnects_LeaveNothingBehind()
    {
        await using var api = await KubernetesApiDouble.StartAsync();
        using var client = Widgets.Client(api);
        using var stop = new CancellationTokenSource();
        for (var i = 0; i < 50; i++)
        {
            api.Put(Collection, Json($"w{i:00}", new string('x', 2000)));
        }

        var informer = new SharedInformer<Widget>(
            client,
            Kind,
            new SharedInformerOptions<Widget> { MinBackoff = TimeSpan.FromMilliseconds(1), MaxBackoff = TimeSpan.FromMilliseconds(2) }
        );
        var running = informer.RunAsync(stop.Token);
        await ReconnectAsync(40);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await ReconnectAsync(80);
        var after = GC.GetTotalMemory(forceFullCollection: true);
        informer.Cache.Count.ShouldBe(50);
        api.OpenWatches.ShouldBeLessThanOrEqualTo(1);
        // 80 lists of 50 objects, if anything kept them, would be 8 MB or more.
        (after - before).ShouldBeLessThan(2_000_000);
        await stop.CancelAsync();
        await running;

        async Task ReconnectAsync(int times)
        {
            for (var i = 0; i < times; i++)
            {
                await Until.TrueAsync(() => api.OpenWatches > 0, Deadline, "the informer watches");
                var lists = Lists();
                api.Compact();
                api.BreakWatches();
                await Until.TrueAsync(() => Lists() > lists, Deadline, "the informer lists again");
            }
        }

        int Lists() => api.Requests.Count(static one => !one.IsWatch);
    }
}
