using System.Collections.Concurrent;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Controllers;

public sealed class ControllerTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Recorder _recorder = new();
    private readonly List<Task> _running = [];
    private readonly List<IDisposable> _made = [];
    private SharedInformer<Widget>? _informer;
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = Widgets.Client(_api);
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).WaitAsync(Deadline);
        _made.ForEach(static one => one.Dispose());
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Entity_IsReconciled_OnEachChange_AndToldWhenGone()
    {
        Start();
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        _api.Edit(Path("a"), value => value["spec"]!["color"] = "blue");
        await SawAsync("a blue");
        _api.Remove(Path("a"));
        await SawAsync("a deleted");
    }

    [Fact]
    public async Task Change_IsServedAtOnce_WhileTwoHundredOthersWaitInTheInitialList()
    {
        var names = Enumerable.Range(0, 200).Select(static i => $"w{i:000}").ToList();
        names.ForEach(name => _api.Put(Collection, Json(name, "red")));
        var (begun, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        _recorder.OnReconcileAsync = async (entity, token) =>
        {
            begun.TrySetResult();
            await go.Task.WaitAsync(token);
            return ReconciliationResult<Widget>.Success(entity);
        };
        var informer = Start(options: new ControllerOptions { Workers = 1 });
        await begun.Task.WaitAsync(Deadline);
        // Of those that wait, the last of the list, and one that nobody knew.
        var changed = informer.Cache.List()[^1].Metadata.Name!;
        _api.Edit(Path(changed), value => value["spec"]!["color"] = "blue");
        _api.Put(Collection, Json("new", "green"));
        await Until.TrueAsync(() => informer.Cache.Find("ns", "new") is not null, Deadline, "both are known");
        go.SetResult();
        await Until.TrueAsync(() => _recorder.Seen.Count > 200, Deadline, "all are reconciled");
        _recorder.Seen.Take(3).Skip(1).ShouldBe([$"{changed} blue", "new green"]);
        _recorder
            .Seen.Order()
            .ShouldBe([.. names.Select(name => name == changed ? $"{name} blue" : $"{name} red").Append("new green").Order()]);
    }

    [Fact]
    public async Task UnderWay_IsFinished_BeforeUntouchedOnesAreBegun()
    {
        foreach (var name in (string[])["a", "b", "c"])
        {
            _api.Put(Collection, Json(name, "red"));
        }

        var rounds = 0;
        _recorder.OnReconcileAsync = async (entity, _) =>
        {
            // The first that is looked at changes by that, as a fleet whose children come.
            if (++rounds == 1)
            {
                _api.Edit(Path(entity.Metadata.Name!), value => value["spec"]!["color"] = "blue");
                await Until.TrueAsync(
                    () => _informer!.Cache.Find(entity.Metadata.Namespace, entity.Metadata.Name!)?.Spec?.Color == "blue",
                    Deadline,
                    "the change is seen"
                );
            }

            return ReconciliationResult<Widget>.Success(entity);
        };
        Start(options: new ControllerOptions { Workers = 1 });
        await Until.TrueAsync(() => _recorder.Seen.Count >= 4, Deadline, "all are reconciled");
        var seen = _recorder.Seen.ToList();
        seen[1].ShouldBe($"{seen[0].Split(' ')[0]} blue");
        seen.Count.ShouldBe(4);
    }

    [Fact]
    public async Task UpdatesThatCanWait_AreOneReconcile_AndTheNextThatCannotIsServedAtOnce()
    {
        static bool CanWait(IKubernetesObject value) => ((Widget)value).Spec?.Color is "blue" or "cyan";
        var informer = Start(
            options: new ControllerOptions { UpdateDelay = static (_, now) => CanWait(now) ? TimeSpan.FromHours(1) : TimeSpan.Zero }
        );
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        foreach (var color in (string[])["blue", "cyan"])
        {
            _api.Edit(Path("a"), value => value["spec"]!["color"] = color);
            await Until.TrueAsync(() => informer.Cache.Find("ns", "a")?.Spec?.Color == color, Deadline, $"{color} is known");
        }

        _api.Edit(Path("a"), static value => value["spec"]!["color"] = "green");
        await SawAsync("a green");
        _recorder.Seen.ShouldBe(["a red", "a green"]);
    }

    [Fact]
    public async Task UpdateThatCanWait_IsServedInTheEnd()
    {
        Start(options: new ControllerOptions { UpdateDelay = static (_, _) => TimeSpan.FromMilliseconds(20) });
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        _api.Edit(Path("a"), static value => value["spec"]!["color"] = "blue");
        await SawAsync("a blue");
    }

    [Fact]
    public async Task WorkerThatFails_EndsTheRest_AndIsThrown()
    {
        _recorder.OnReconcile = static _ => throw new InvalidOperationException("no");
        var slips = 0;
        Start(
            options: new ControllerOptions
            {
                Workers = 2,
                Failed = (_, _, _) =>
                {
                    if (Interlocked.Increment(ref slips) == 1)
                    {
                        throw new ArgumentException("a slip");
                    }
                },
            }
        );
        var running = _running[^1];
        _api.Put(Collection, Json("a"));
        (await Should.ThrowAsync<ArgumentException>(running.WaitAsync(Deadline))).Message.ShouldBe("a slip");
        _running.Remove(running);
    }

    [Fact]
    public async Task Failure_ComesBack_UntilItSucceeds()
    {
        var failures = 0;
        _recorder.OnReconcile = entity =>
            failures++ switch
            {
                < 3 => throw new InvalidOperationException("no"),
                < 6 => ReconciliationResult<Widget>.Failure(entity, "not yet"),
                _ => ReconciliationResult<Widget>.Success(entity),
            };
        Start();
        _api.Put(Collection, Json("a"));
        await Until.TrueAsync(() => failures == 7, Deadline, "six failures and a success");
    }

    [Fact]
    public async Task ServerThatAsksForAnHour_IsLeftAloneForFiveMinutes_AndOthersGoOn()
    {
        var delays = new ConcurrentQueue<TimeSpan>();
        _recorder.OnReconcile = entity =>
            entity.Metadata.Name == "a"
                ? throw new KubernetesException(
                    System.Net.HttpStatusCode.TooManyRequests,
                    new Mooring.Kubernetes.Models.Status(),
                    "PATCH a",
                    TimeSpan.FromHours(1)
                )
                : ReconciliationResult<Widget>.Success(entity);
        Start(options: new ControllerOptions { Workers = 1, Failed = (_, _, delay) => delays.Enqueue(delay) });
        _api.Put(Collection, Json("a"));
        await Until.TrueAsync(() => !delays.IsEmpty, Deadline, "the failure");
        _api.Put(Collection, Json("b", "red"));
        await SawAsync("b red");
        delays.ShouldHaveSingleItem().ShouldBeInRange(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(6));
    }

    [Fact]
    public async Task RequeueAfter_ComesBack()
    {
        _recorder.OnReconcile = entity => ReconciliationResult<Widget>.Success(entity, TimeSpan.FromMilliseconds(30));
        Start();
        _api.Put(Collection, Json("a"));
        await Until.TrueAsync(() => _recorder.Seen.Count >= 4, Deadline, "four rounds");
    }

    [Fact]
    public async Task Hanging_IsCancelledAndComesBack()
    {
        var tries = 0;
        _recorder.OnReconcileAsync = async (entity, token) =>
        {
            if (++tries == 1)
            {
                await Task.Delay(Timeout.Infinite, token);
            }

            return ReconciliationResult<Widget>.Success(entity);
        };
        Start(options: new ControllerOptions { ReconcileTimeout = TimeSpan.FromMilliseconds(200) });
        _api.Put(Collection, Json("a"));
        await Until.TrueAsync(() => tries == 2, Deadline, "the second try");
    }

    [Fact]
    public async Task Changing_WhatIsReconciled_LeavesTheCache()
    {
        _recorder.OnReconcile = entity =>
        {
            entity.Spec = new WidgetSpec { Color = "spoiled" };
            return ReconciliationResult<Widget>.Success(entity);
        };
        var informer = Start();
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        informer.Cache.Find("ns", "a")!.Spec!.Color.ShouldBe("red");
    }

    [Fact]
    public async Task Child_QueuesItsOwner()
    {
        var children = new ResourceType<Widget>("test.mooring.dev", "v1", "children", "Child", true, WidgetJson.Default.Widget);
        var childInformer = new SharedInformer<Widget>(_client, children);
        Start(children: childInformer);
        var owner = _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        _recorder.Seen.Clear();
        var child = Json("a-child");
        child["kind"] = "Child";
        child["metadata"]!["ownerReferences"] = System.Text.Json.Nodes.JsonNode.Parse(
            $$"""[{"apiVersion":"test.mooring.dev/v1alpha1","kind":"Widget","name":"a","uid":"{{owner["metadata"]!["uid"]}}","controller":true}]"""
        );
        _api.Put("/apis/test.mooring.dev/v1/namespaces/ns/children", child);
        await SawAsync("a red");
        _recorder.Seen.Clear();
        _api.Remove("/apis/test.mooring.dev/v1/namespaces/ns/children/a-child");
        await SawAsync("a red");
    }

    [Fact]
    public async Task Finalizer_IsSetBefore_RunsBeforeTheEnd_AndIsRemoved()
    {
        var finalizer = new Undo("test.mooring.dev/undo");
        Start(finalizers: [finalizer]);
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        _api.Find(Path("a"))!["metadata"]!["finalizers"]!.ToJsonString().ShouldBe("[\"test.mooring.dev/undo\"]");
        finalizer.FailuresLeft = 2;
        _api.Remove(Path("a"));
        await SawAsync("a deleted");
        finalizer.Calls.ShouldBe(3);
        _api.Find(Path("a")).ShouldBeNull();
    }

    [Fact]
    public async Task Finalizer_UnderWay_KeepsItsMark()
    {
        var finalizer = new Undo("test.mooring.dev/undo") { RoundsUnderWay = 2 };
        Start(finalizers: [finalizer]);
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        _api.Remove(Path("a"));
        await SawAsync("a deleted");
        finalizer.Calls.ShouldBe(3);
    }

    [Fact]
    public async Task Finalizer_MarksOfOthersStay()
    {
        Start(finalizers: [new Undo("test.mooring.dev/undo")]);
        var value = Json("a", "red");
        value["metadata"]!["finalizers"] = new System.Text.Json.Nodes.JsonArray("somebody/else");
        _api.Put(Collection, value);
        await SawAsync("a red");
        _api.Remove(Path("a"));
        await Until.TrueAsync(
            () => _api.Find(Path("a"))?["metadata"]?["finalizers"]?.ToJsonString() == "[\"somebody/else\"]",
            Deadline,
            "only our mark is gone"
        );
        _recorder.Seen.ShouldNotContain("a deleted");
    }

    [Fact]
    public async Task NotAllowedToWork_DoesNothing()
    {
        var allowed = false;
        var asked = 0;
        Start(
            options: new ControllerOptions
            {
                MayWork = () =>
                {
                    asked++;
                    return allowed;
                },
            }
        );
        _api.Put(Collection, Json("a", "red"));
        await Until.TrueAsync(() => asked > 0, Deadline, "the controller asks");
        _recorder.Seen.ShouldBeEmpty();
        allowed = true;
        await SawAsync("a red");
    }

    [Fact]
    public async Task Hold_PutsAnEntityBack_UntilItIsNotHeldAnyMore_AndNoOther()
    {
        var (asked, held) = (0, true);
        Start(
            options: new ControllerOptions
            {
                Hold = key =>
                {
                    if (key.Name != "a" || !Volatile.Read(ref held))
                    {
                        return TimeSpan.Zero;
                    }

                    Interlocked.Increment(ref asked);
                    return TimeSpan.FromMilliseconds(10);
                },
            }
        );
        _api.Put(Collection, Json("a", "red"));
        _api.Put(Collection, Json("b", "red"));
        await SawAsync("b red");
        await Until.TrueAsync(() => Volatile.Read(ref asked) > 3, Deadline, "it comes up again and again");
        _recorder.Seen.ShouldBe(["b red"]);
        Volatile.Write(ref held, false);
        await SawAsync("a red");
    }

    [Fact]
    public async Task RemadeEntity_IsToldOfBoth()
    {
        var informer = Start();
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        _api.Remove(Path("a"));
        _api.Put(Collection, Json("a", "blue"));
        await SawAsync("a blue");
        await SawAsync("a deleted");
        informer.Cache.Find("ns", "a")!.Spec!.Color.ShouldBe("blue");
    }

    [Fact]
    public async Task Failure_WithSomethingDue_ComesUpThen_WhateverItsBackOffIs()
    {
        _recorder.OnReconcile = static entity =>
            ReconciliationResult<Widget>.Failure(entity, "no", requeueAfter: TimeSpan.FromHours(1)) with
            {
                Due = TimeSpan.FromMilliseconds(10),
            };
        Start();
        _api.Put(Collection, Json("a", "red"));
        await Until.TrueAsync(() => _recorder.Seen.Count > 2, Deadline, "it comes up again");
    }

    [Fact]
    public async Task Outage_StrandsNobody()
    {
        Start();
        _recorder.OnReconcileAsync = async (entity, token) =>
        {
            await _client.GetAsync(Kind, "ns", entity.Metadata.Name!, token);
            return ReconciliationResult<Widget>.Success(entity);
        };
        _api.Put(Collection, Json("a", "red"));
        await SawAsync("a red");
        _recorder.Seen.Clear();
        _api.AddFault(
            new Fault
            {
                Match = request => request.Path == Path("a"),
                Times = 8,
                Status = 500,
            }
        );
        _api.Edit(Path("a"), value => value["spec"]!["color"] = "blue");
        await SawAsync("a blue");
    }

    private SharedInformer<Widget> Start(
        IEnumerable<IEntityFinalizer<Widget>>? finalizers = null,
        ControllerOptions? options = null,
        SharedInformer<Widget>? children = null
    )
    {
        options ??= new ControllerOptions();
        options = options with
        {
            Queue = new WorkQueueOptions { MaxDelay = TimeSpan.FromMilliseconds(50), PerSecond = 0 },
        };
        var informer = _informer = new SharedInformer<Widget>(_client, Kind);
        var controller = new Controller<Widget>(_client, informer, _recorder, finalizers, options);
        _made.Add(controller);
        if (children is not null)
        {
            controller.Owns(children);
            _running.Add(children.RunAsync(_stop.Token));
        }

        _running.Add(informer.RunAsync(_stop.Token));
        _running.Add(controller.RunAsync(_stop.Token));
        return informer;
    }

    private Task SawAsync(string what) => Until.TrueAsync(() => _recorder.Seen.Contains(what), Deadline, $"the controller sees {what}");

    private sealed class Recorder : IEntityController<Widget>
    {
        public ConcurrentQueue<string> Seen { get; } = new();

        public Func<Widget, ReconciliationResult<Widget>> OnReconcile { get; set; } =
            entity => ReconciliationResult<Widget>.Success(entity);

        public Func<Widget, CancellationToken, Task<ReconciliationResult<Widget>>>? OnReconcileAsync { get; set; }

        public async Task<ReconciliationResult<Widget>> ReconcileAsync(Widget entity, CancellationToken cancellationToken)
        {
            var seen = $"{entity.Metadata.Name} {entity.Spec?.Color}";
            var result = OnReconcileAsync is { } act ? await act(entity, cancellationToken) : OnReconcile(entity);
            Seen.Enqueue(seen);
            return result;
        }

        public Task<ReconciliationResult<Widget>> DeletedAsync(Widget entity, CancellationToken cancellationToken)
        {
            Seen.Enqueue($"{entity.Metadata.Name} deleted");
            return Task.FromResult(ReconciliationResult<Widget>.Success(entity));
        }
    }

    private sealed class Undo(string identifier) : IEntityFinalizer<Widget>
    {
        public int Calls { get; private set; }

        public int FailuresLeft { get; set; }

        public int RoundsUnderWay { get; set; }

        public string Identifier => identifier;

        public Task<ReconciliationResult<Widget>> FinalizeAsync(Widget entity, CancellationToken cancellationToken)
        {
            Calls++;
            return Task.FromResult(
                FailuresLeft-- > 0 ? ReconciliationResult<Widget>.Failure(entity, "not yet")
                : RoundsUnderWay-- > 0 ? ReconciliationResult<Widget>.Success(entity, TimeSpan.FromMilliseconds(10))
                : ReconciliationResult<Widget>.Success(entity)
            );
        }
    }
}
