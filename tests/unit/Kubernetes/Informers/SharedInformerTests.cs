using System.Collections.Concurrent;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Informers;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Informers;

public sealed class SharedInformerTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _heard = new();
    private readonly List<Task> _running = [];
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = Widgets.Client(
            _api,
            new KubernetesClientOptions
            {
                QueriesPerSecond = 0,
                MaxRetries = 0,
                WatchIdleTimeout = TimeSpan.FromSeconds(5),
            }
        );
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Start_FillsTheCache_InPages()
    {
        for (var i = 0; i < 12; i++)
        {
            _api.Put(Collection, Json($"w{i:00}"));
        }

        var informer = await StartAsync(new SharedInformerOptions<Widget> { PageSize = 5 });
        informer.HasSynced.ShouldBeTrue();
        informer.Cache.Count.ShouldBe(12);
        informer.Cache.Find("ns", "w03").ShouldNotBeNull();
        _heard.Order().ShouldBe(Enumerable.Range(0, 12).Select(i => $"+w{i:00}"));
    }

    [Fact]
    public async Task Changes_ReachCacheAndHandlers()
    {
        var informer = await StartAsync();
        _api.Put(Collection, Json("a", "red"));
        await HeardAsync("+a");
        _api.Edit(Path("a"), value => value["spec"]!["color"] = "blue");
        await HeardAsync("~a");
        informer.Cache.Find("ns", "a")!.Spec!.Color.ShouldBe("blue");
        _api.Remove(Path("a"));
        await HeardAsync("-a");
        informer.Cache.Count.ShouldBe(0);
    }

    [Fact]
    public async Task LateHandler_HearsWhatIsThere_AndNothingAfterItsEnd()
    {
        _api.Put(Collection, Json("a"));
        var informer = await StartAsync();
        List<string> late = [];
        var registration = informer.AddHandler(new ResourceEventHandler<Widget> { Added = value => late.Add(value.Metadata.Name!) });
        late.ShouldBe(["a"]);
        registration.Dispose();
        _api.Put(Collection, Json("b"));
        await HeardAsync("+b");
        late.ShouldBe(["a"]);
    }

    [Fact]
    public async Task HandlerThatThrows_HarmsNobody()
    {
        var informer = await StartAsync();
        using var bad = informer.AddHandler(new ResourceEventHandler<Widget> { Added = _ => throw new InvalidOperationException("bad") });
        using var good = informer.AddHandler(
            new ResourceEventHandler<Widget> { Added = value => _heard.Enqueue("good " + value.Metadata.Name) }
        );
        _api.Put(Collection, Json("a"));
        await HeardAsync("good a");
        _api.Put(Collection, Json("b"));
        await HeardAsync("good b");
    }

    [Fact]
    public async Task BrokenWatch_Resumes_WithoutListingAgain()
    {
        _api.Put(Collection, Json("a"));
        await StartAsync();
        await WatchingAsync();
        _api.BreakWatches();
        _api.Put(Collection, Json("b"));
        await HeardAsync("+b");
        Lists().ShouldBe(1);
        _heard.ShouldBe(["+a", "+b"]);
    }

    [Fact]
    public async Task EndedWatch_Resumes_FromTheBookmark()
    {
        _api.Put(Collection, Json("a"));
        await StartAsync();
        await WatchingAsync();
        _api.Put("/apis/test.mooring.dev/v1/namespaces/ns/others", Json("x"));
        var version = _api.Version.ToString();
        _api.SendBookmarks();
        _api.EndWatches();
        await Until.TrueAsync(
            () => _api.Requests.Any(one => one.IsWatch && one.Query["resourceVersion"] == version),
            Deadline,
            "a watch from the bookmark"
        );
        Lists().ShouldBe(1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ExpiredVersion_ListsAgain_AndFindsWhatWasMissed(bool byCode)
    {
        _api.ExpireWatchesByCode = byCode;
        _api.Put(Collection, Json("gone"));
        _api.Put(Collection, Json("changed", "red"));
        _api.Put(Collection, Json("same"));
        _api.Put(Collection, Json("remade"));
        var informer = await StartAsync();
        await WatchingAsync();
        _heard.Clear();
        _api.Unreachable = true;
        _api.BreakWatches();
        _api.Remove(Path("gone"));
        _api.Edit(Path("changed"), value => value["spec"]!["color"] = "blue");
        _api.Remove(Path("remade"));
        _api.Put(Collection, Json("remade"));
        _api.Put(Collection, Json("new"));
        _api.Compact();
        _api.Unreachable = false;
        await HeardAsync("-gone");
        _heard.Order().ShouldBe(new[] { "+new", "+remade", "-gone", "-remade", "~changed" }.Order());
        informer.Cache.List().Select(one => one.Metadata.Name).Order().ShouldBe(["changed", "new", "remade", "same"]);
    }

    [Fact]
    public async Task HalfOpenWatch_IsFoundOut()
    {
        await StartAsync();
        await WatchingAsync();
        _api.FreezeWatches();
        _api.Put(Collection, Json("a"));
        await HeardAsync("+a");
        Lists().ShouldBe(1);
    }

    [Fact]
    public async Task MalformedEvent_ListsAgain()
    {
        await StartAsync();
        await WatchingAsync();
        _api.SendOnWatches("{\"type\":\"ADDED\",\"object\":{\"metadata\":7}}");
        _api.Put(Collection, Json("a"));
        await HeardAsync("+a");
        Lists().ShouldBe(2);
    }

    [Fact]
    public async Task ServerAwayAtFirst_IsWaitedFor()
    {
        _api.Put(Collection, Json("a"));
        _api.AddFault(new Fault { Status = 500, Times = 3 });
        var informer = await StartAsync();
        informer.Cache.Count.ShouldBe(1);
    }

    [Fact]
    public async Task SameVersionAgain_IsNoChange()
    {
        var made = _api.Put(Collection, Json("a"));
        await StartAsync();
        await WatchingAsync();
        _api.SendOnWatches($$"""{"type":"MODIFIED","object":{{made.ToJsonString()}} }""");
        _api.Put(Collection, Json("b"));
        await HeardAsync("+b");
        _heard.ShouldBe(["+a", "+b"]);
    }

    [Fact]
    public async Task LabelScope_AnObjectLeavesAndEnters()
    {
        _api.Put(Collection, Json("a", label: "mine"));
        _api.Put(Collection, Json("b", label: "other"));
        var informer = await StartAsync(new SharedInformerOptions<Widget> { LabelSelector = "app=mine", Namespace = "ns" });
        informer.Cache.Count.ShouldBe(1);
        _api.Edit(Path("b"), value => value["metadata"]!["labels"]!["app"] = "mine");
        await HeardAsync("+b");
        _api.Edit(Path("a"), value => value["metadata"]!["labels"]!["app"] = "other");
        await HeardAsync("-a");
        informer.Cache.List().ShouldHaveSingleItem().Metadata.Name.ShouldBe("b");
    }

    [Fact]
    public async Task Indexes_FollowChanges()
    {
        _api.Put(Collection, Json("a", "red"));
        _api.Put(Collection, Json("b", "red"));
        var informer = await StartAsync(
            new SharedInformerOptions<Widget>
            {
                Indexers = new Dictionary<string, Func<Widget, IEnumerable<string>>>
                {
                    ["color"] = value => value.Spec?.Color is { } color ? [color] : [],
                },
            }
        );
        Names("red").ShouldBe(["a", "b"]);
        _api.Edit(Path("a"), value => value["spec"]!["color"] = "blue");
        await HeardAsync("~a");
        Names("red").ShouldBe(["b"]);
        Names("blue").ShouldBe(["a"]);
        _api.Remove(Path("b"));
        await HeardAsync("-b");
        Names("red").ShouldBeEmpty();
        Should.Throw<ArgumentException>(() => informer.Cache.ByIndex("none", "x"));

        IEnumerable<string?> Names(string color) => informer.Cache.ByIndex("color", color).Select(one => one.Metadata.Name).Order();
    }

    [Fact]
    public async Task Resync_TellsOfEverythingAgain()
    {
        _api.Put(Collection, Json("a"));
        var informer = await StartAsync(new SharedInformerOptions<Widget> { ResyncPeriod = TimeSpan.FromMilliseconds(200) });
        var same = 0;
        using var handler = informer.AddHandler(
            new ResourceEventHandler<Widget> { Updated = (old, value) => same += ReferenceEquals(old, value) ? 1 : 0 }
        );
        await Until.TrueAsync(() => same >= 2, Deadline, "two resyncs");
    }

    [Fact]
    public async Task Transform_DropsBeforeCaching()
    {
        _api.Put(Collection, Json("a", "red"));
        var informer = await StartAsync(new SharedInformerOptions<Widget> { Transform = value => value.Spec = null });
        informer.Cache.Find("ns", "a")!.Spec.ShouldBeNull();
    }

    [Fact]
    public async Task ServerThatAsksForSixtyYears_IsAskedAgainAfterFiveMinutes()
    {
        _api.Put(Collection, Json("a"));
        _api.AddFault(new Fault { Status = 503, RetryAfter = 2_000_000_000 });
        var time = new ManualTime();
        using var client = Widgets.Client(_api, time: time);
        var informer = new SharedInformer<Widget>(client, Kind, new SharedInformerOptions<Widget> { ResyncPeriod = TimeSpan.Zero });
        var running = informer.RunAsync(_stop.Token);
        _running.Add(running);
        await Until.TrueAsync(() => running.IsCompleted || (Lists() == 1 && time.SetTimers == 1), Deadline, "the pause");
        running.IsCompleted.ShouldBeFalse();

        time.Advance(TimeSpan.FromMinutes(5));

        await informer.WaitForSyncAsync(_stop.Token).WaitAsync(Deadline);
    }

    private async Task<SharedInformer<Widget>> StartAsync(SharedInformerOptions<Widget>? options = null)
    {
        options = (options ?? new SharedInformerOptions<Widget>()) with { MinBackoff = TimeSpan.FromMilliseconds(20) };
        var informer = new SharedInformer<Widget>(_client, Kind, options);
        informer.AddHandler(
            new ResourceEventHandler<Widget>
            {
                Added = value => _heard.Enqueue("+" + value.Metadata.Name),
                Updated = (old, value) =>
                {
                    if (!ReferenceEquals(old, value))
                    {
                        _heard.Enqueue("~" + value.Metadata.Name);
                    }
                },
                Deleted = value => _heard.Enqueue("-" + value.Metadata.Name),
            }
        );
        _running.Add(informer.RunAsync(_stop.Token));
        await informer.WaitForSyncAsync(_stop.Token).WaitAsync(Deadline);
        return informer;
    }

    private Task HeardAsync(string what) => Until.TrueAsync(() => _heard.Contains(what), Deadline, $"the handler hears {what}");

    private Task WatchingAsync() => Until.TrueAsync(() => _api.OpenWatches > 0, Deadline, "the informer watches");

    private int Lists() => _api.Requests.Count(one => !one.IsWatch);
}
