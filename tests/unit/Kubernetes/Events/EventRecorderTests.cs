using System.Text;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Events;

public sealed class EventRecorderTests : IAsyncLifetime
{
    private readonly ManualTime _time = new();
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = Widgets.Client(_api, time: _time);
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Publish_MakesAnEvent()
    {
        await using var recorder = Make();
        recorder.Publish(About("a"), EventType.Warning, "Failed", "Scaling", "it did not work");
        var made = (await EventsAsync(1)).Single();
        made.Regarding.ShouldBe(About("a"));
        (made.Type, made.Reason, made.Action, made.Note).ShouldBe(("Warning", "Failed", "Scaling", "it did not work"));
        (made.ReportingController, made.ReportingInstance).ShouldBe(("test.dev/controller", "one"));
        made.EventTime.ShouldBe(_time.GetUtcNow());
        made.Series.ShouldBeNull();
        made.Metadata.Name.ShouldStartWith("a.");
        _api.Requests.First(one => one.Method == "POST").Body.ShouldContain("\"eventTime\":\"2026-01-01T00:00:00.000000Z\"");
    }

    [Fact]
    public async Task Repeats_BecomeASeries_WrittenNowAndThen()
    {
        await using var recorder = Make();
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "to 1");
        await EventsAsync(1);
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "to 2");
        await SeriesAsync(2);
        for (var i = 0; i < 10; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", $"to {i}");
        }

        _time.Advance(TimeSpan.FromSeconds(30));
        await SeriesAsync(12);
        _api.Requests.Count(one => one.IsWrite).ShouldBeLessThanOrEqualTo(4);
        (await EventsAsync(1)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task OtherReason_OrAfterALongTime_IsANewEvent()
    {
        await using var recorder = Make();
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "");
        recorder.Publish(About("a"), EventType.Normal, "Drained", "Scaling", "");
        await EventsAsync(2);
        _time.Advance(TimeSpan.FromMinutes(7));
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "");
        await EventsAsync(3);
    }

    [Fact]
    public async Task OtherRelatedObject_IsANewEvent_TheSameContinuesItsSeries()
    {
        await using var recorder = Make();
        foreach (var pod in new[] { "one", "two", "one" })
        {
            recorder.Publish(About("a"), EventType.Normal, "Drained", "Scaling", pod, About(pod));
        }

        (await EventsAsync(2)).Select(static made => (made.Related!.Name, made.Note)).ShouldBe([("one", "one"), ("two", "two")], true);
        await SeriesAsync(2);
    }

    [Fact]
    public async Task ByNote_OtherFiguresAreANewEvent_TheSameContinueTheirSeries()
    {
        await using var recorder = Make();
        foreach (var note in new[] { "4 instead of 2", "8 instead of 4", "4 instead of 2" })
        {
            recorder.Publish(About("a"), EventType.Normal, "ScaleUp", "Scaling", note, byNote: true);
        }

        (await EventsAsync(2)).Select(static made => made.Note).ShouldBe(["4 instead of 2", "8 instead of 4"], true);
        await SeriesAsync(2);
    }

    [Fact]
    public async Task TooManyWithNotesOrRelatedObjects_AreThrottledByTheirReason_OthersOfTheObjectAreNot()
    {
        await using var recorder = Make(new EventRecorderOptions { ReportingController = "test.dev/controller", ObjectBurst = 3 });
        for (var i = 0; i < 10; i++)
        {
            recorder.Publish(About("a"), EventType.Normal, "ScaleUp", "Scaling", $"to {i}", byNote: true);
            recorder.Publish(About("a"), EventType.Normal, "Drained", "Scaling", "", About($"pod-{i}"));
        }

        recorder.Publish(About("a"), EventType.Warning, "RolloutStalled", "Scaling", "");
        await Until.TrueAsync(async () => (await ListAsync()).Any(one => one.Reason == "RolloutStalled"), Deadline, "the warning");
        var made = (await ListAsync()).GroupBy(static one => one.Reason ?? "").Select(static one => (one.Key, one.Count()));
        made.ShouldBe([("ScaleUp", 3), ("Drained", 3), ("RolloutStalled", 1)], true);
    }

    [Fact]
    public async Task SeriesWhoseEventIsGone_StartsAnew()
    {
        await using var recorder = Make();
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "");
        var first = (await EventsAsync(1)).Single();
        _api.Remove($"/apis/events.k8s.io/v1/namespaces/ns/events/{first.Metadata.Name}");
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "");
        await Until.TrueAsync(() => _api.Requests.Any(one => one.Method == "PATCH"), Deadline, "the series is written");
        await Until.TrueAsync(
            async () =>
            {
                recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "");
                return (await ListAsync()).Count == 1;
            },
            Deadline,
            "a new event"
        );
    }

    [Fact]
    public async Task TooManyOfOneObject_AreThrottled_OthersNot()
    {
        await using var recorder = Make(new EventRecorderOptions { ReportingController = "test.dev/controller", ObjectBurst = 3 });
        for (var i = 0; i < 10; i++)
        {
            recorder.Publish(About("a"), EventType.Normal, $"Reason{i}", "Scaling", "");
        }

        recorder.Publish(About("b"), EventType.Normal, "Reason", "Scaling", "");
        await Until.TrueAsync(async () => (await ListAsync()).Any(one => one.Regarding!.Name == "b"), Deadline, "b's event");
        (await ListAsync()).Count(one => one.Regarding!.Name == "a").ShouldBe(3);
        _time.Advance(TimeSpan.FromMinutes(5));
        recorder.Publish(About("a"), EventType.Normal, "Later", "Scaling", "");
        await EventsAsync(5);
    }

    [Fact]
    public async Task ServerAway_NeverBlocks_AndDropsWhatIsTooMuch()
    {
        _api.Unreachable = true;
        await using var recorder = Make(new EventRecorderOptions { ReportingController = "test.dev/controller", QueueSize = 10 });
        var accepted = Enumerable.Range(0, 100).Count(i => recorder.Publish(About($"w{i}"), EventType.Normal, "Scaled", "Scaling", ""));
        accepted.ShouldBeInRange(10, 60);
        _api.Unreachable = false;
        await Until.TrueAsync(
            async () =>
            {
                _time.Advance(TimeSpan.FromSeconds(16));
                return (await ListAsync()).Count == accepted;
            },
            Deadline,
            "what was accepted is there"
        );
    }

    [Fact]
    public async Task Refused_IsDroppedAtOnce()
    {
        _api.AddFault(
            new Fault
            {
                Match = one => one.Method == "POST",
                Status = 403,
                Reason = "Forbidden",
            }
        );
        await using var recorder = Make();
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "");
        recorder.Publish(About("b"), EventType.Normal, "Scaled", "Scaling", "");
        (await EventsAsync(1)).Single().Regarding!.Name.ShouldBe("b");
    }

    [Fact]
    public async Task RequestThatGivesUpByItself_EndsNothing()
    {
        var credentials = new GivingUp { Times = 1 };
        using var client = Widgets.Client(_api, credentials: credentials);
        await using var recorder = new EventRecorder(
            client,
            new EventRecorderOptions { ReportingController = "test.dev/controller", RetryDelay = TimeSpan.FromMilliseconds(10) }
        );
        recorder.Publish(About("a"), EventType.Normal, "Scaled", "Scaling", "");
        (await EventsAsync(1)).Single().Regarding!.Name.ShouldBe("a");
        credentials.Times.ShouldBeLessThan(0);
    }

    [Fact]
    public async Task LongTexts_AreCut_BetweenCharacters()
    {
        await using var recorder = Make();
        recorder.Publish(
            About(new string('n', 253)),
            EventType.Normal,
            new string('r', 200),
            "Scaling",
            string.Concat(Enumerable.Repeat("€", 1000))
        );
        var made = (await EventsAsync(1)).Single();
        Encoding.UTF8.GetByteCount(made.Note!).ShouldBeInRange(1020, 1024);
        made.Note.ShouldEndWith("€...");
        made.Reason!.Length.ShouldBe(128);
        made.Metadata.Name!.Length.ShouldBe(253);
    }

    [Fact]
    public async Task Dispose_SendsWhatWaits()
    {
        var recorder = Make();
        for (var i = 0; i < 20; i++)
        {
            recorder.Publish(About($"w{i}"), EventType.Normal, "Scaled", "Scaling", "");
        }

        await recorder.DisposeAsync();
        (await ListAsync()).Count.ShouldBe(20);
    }

    [Fact]
    public void Memory_IsBounded()
    {
        var memory = new EventSeriesMemory(new EventRecorderOptions { ReportingController = "c", MaxRemembered = 100 }, _time);
        for (var i = 0; i < 10_000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            memory
                .See(new RecordedEvent(About($"w{i}"), EventType.Normal, "R", "A", "", null, _time.GetUtcNow()), out _)
                .ShouldBe(EventVerdict.Create);
            memory.Count.ShouldBeLessThanOrEqualTo(100);
        }

        // The newest are the ones that are kept.
        memory.See(new RecordedEvent(About("w9999"), EventType.Normal, "R", "A", "", null, _time.GetUtcNow()), out var series);
        series.Count.ShouldBe(2);
    }

    private static ObjectReference About(string name) =>
        new()
        {
            ApiVersion = "test.mooring.dev/v1",
            Kind = "Widget",
            Namespace = "ns",
            Name = name,
            Uid = $"uid-{name}",
        };

    private EventRecorder Make(EventRecorderOptions? options = null) =>
        new(_client, options ?? new EventRecorderOptions { ReportingController = "test.dev/controller", ReportingInstance = "one" });

    private async Task<List<Event>> ListAsync() => (await _client.ListAsync(Resources.Events, "ns")).Items;

    private async Task<List<Event>> EventsAsync(int count)
    {
        await Until.TrueAsync(async () => (await ListAsync()).Count >= count, Deadline, $"{count} events");
        return await ListAsync();
    }

    private Task SeriesAsync(int count) =>
        Until.TrueAsync(async () => (await ListAsync()).Any(one => one.Series?.Count == count), Deadline, $"a series of {count}");

    private sealed class GivingUp : Mooring.Kubernetes.Configuration.ICredentialSource
    {
        public int Times { get; set; }

        public ValueTask<Mooring.Kubernetes.Configuration.Credential> GetAsync(CancellationToken cancellationToken) =>
            Times-- > 0
                ? throw new TaskCanceledException("gave up by itself")
                : ValueTask.FromResult(Mooring.Kubernetes.Configuration.Credential.None);

        public bool Invalidate(Mooring.Kubernetes.Configuration.Credential refused) => false;
    }
}
