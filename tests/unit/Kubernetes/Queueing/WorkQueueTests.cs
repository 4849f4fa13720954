using System.Diagnostics.Metrics;
using Mooring.Kubernetes.Queueing;
using Mooring.Testing;

namespace Mooring.Kubernetes.Tests.Queueing;

public sealed class WorkQueueTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly WorkQueue<string> _queue;

    public WorkQueueTests() => _queue = new WorkQueue<string>(new WorkQueueOptions { PerSecond = 0 }, _time);

    public void Dispose() => _queue.Dispose();

    [Fact]
    public async Task Add_Twice_IsTakenOnce()
    {
        _queue.Add("a");
        _queue.Add("a");
        _queue.Count.ShouldBe(1);
        (await TakeAsync()).ShouldBe("a");
        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Add_WhileInWork_ComesAgainAfterDone()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Add("a");
        _queue.Add("a");
        _queue.Count.ShouldBe(0);
        _queue.Done("a");
        _queue.Count.ShouldBe(1);
        (await TakeAsync()).ShouldBe("a");
        _queue.Done("a");
        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Take_InTheOrderOfAdding()
    {
        foreach (var item in (string[])["a", "b", "c", "a"])
        {
            _queue.Add(item);
        }

        (await TakeAsync()).ShouldBe("a");
        (await TakeAsync()).ShouldBe("b");
        (await TakeAsync()).ShouldBe("c");
    }

    /// <summary>In capitals: added as a change. A dot: low. An item that is there already may be added again.</summary>
    [Theory]
    [InlineData("a. b. C", "C a b")]
    [InlineData("a. b. C B", "C B a")]
    [InlineData("A a. b. B a.", "A B")]
    [InlineData("a. b. C D E F G H", "C D E F a G H b")]
    [InlineData("A B C D E F. G", "A B C D F E G")]
    [InlineData("a. B C D E a.", "B C D E a")]
    [InlineData("a. b. C D E F A G", "C D E F b A G")]
    public async Task Take_ChangesFirst_AndALowOneAfterFour(string adds, string order)
    {
        foreach (var add in adds.Split(' '))
        {
            _queue.Add(add[..1].ToUpperInvariant(), add.EndsWith('.') ? WorkPriority.Low : WorkPriority.Normal);
        }

        foreach (var item in order.Split(' '))
        {
            (await TakeAsync()).ShouldBe(item.ToUpperInvariant());
        }

        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Add_WhileInWork_KeepsTheHigherPriority()
    {
        _queue.Add("a", WorkPriority.Low);
        await TakeAsync();
        _queue.PriorityOf("a").ShouldBe(WorkPriority.Low);
        _queue.Add("a");
        _queue.Add("a", WorkPriority.Low);
        _queue.Add("b");
        _queue.Done("a");
        (await TakeAsync()).ShouldBe("b");
        (await TakeAsync()).ShouldBe("a");
        _queue.PriorityOf("a").ShouldBe(WorkPriority.Normal);
    }

    [Fact]
    public async Task AddAfter_TheEarliestAndTheHighestCount()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(1), WorkPriority.Low);
        _queue.AddAfter("b", TimeSpan.FromSeconds(1), WorkPriority.Low);
        _queue.AddAfter("b", TimeSpan.FromSeconds(9));
        _queue.AddRateLimited("c", TimeSpan.FromSeconds(1), WorkPriority.Low);
        _time.Advance(TimeSpan.FromSeconds(2));
        (await TakeAsync()).ShouldBe("b");
        _queue.PriorityOf("b").ShouldBe(WorkPriority.Normal);
        (await TakeAsync()).ShouldBe("a");
        (await TakeAsync()).ShouldBe("c");
        _queue.PriorityOf("c").ShouldBe(WorkPriority.Low);
        _time.Advance(TimeSpan.FromSeconds(9));
        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Take_WaitsForAnItem()
    {
        var taking = _queue.TakeAsync(CancellationToken.None).AsTask();
        taking.IsCompleted.ShouldBeFalse();
        _queue.Add("a");
        (await taking.WaitAsync(Widgets.Deadline)).Item.ShouldBe("a");
    }

    [Fact]
    public async Task Take_Cancelled_LosesNoItem()
    {
        using var cancel = new CancellationTokenSource();
        var cancelled = _queue.TakeAsync(cancel.Token).AsTask();
        var waiting = _queue.TakeAsync(CancellationToken.None).AsTask();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(cancelled);
        _queue.Add("a");
        (await waiting.WaitAsync(Widgets.Deadline)).Item.ShouldBe("a");
    }

    [Fact]
    public void AddAfter_ComesInItsTime()
    {
        _queue.AddAfter("late", TimeSpan.FromSeconds(10));
        _queue.AddAfter("early", TimeSpan.FromSeconds(5));
        _time.Advance(TimeSpan.FromSeconds(4.9));
        _queue.Count.ShouldBe(0);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        _queue.Count.ShouldBe(1);
        _time.Advance(TimeSpan.FromSeconds(5));
        _queue.Count.ShouldBe(2);
    }

    [Fact]
    public void AddAfter_TheEarliestCounts()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.AddAfter("a", TimeSpan.FromSeconds(1));
        _queue.AddAfter("a", TimeSpan.FromSeconds(20));
        _time.Advance(TimeSpan.FromSeconds(1.1));
        _queue.Count.ShouldBe(1);
        _time.Advance(TimeSpan.FromSeconds(30));
        _queue.Count.ShouldBe(1);
    }

    [Fact]
    public void AddAfter_FurtherThanATimerCanBeSet()
    {
        _queue.AddAfter("a", TimeSpan.FromDays(100));
        _time.Advance(TimeSpan.FromDays(99));
        _queue.Count.ShouldBe(0);
        _time.Advance(TimeSpan.FromDays(2));
        _queue.Count.ShouldBe(1);
    }

    [Fact]
    public void AddAfter_ManyTimesForOneItem_DoesNotGrow()
    {
        for (var i = 0; i < 10_000; i++)
        {
            _queue.AddAfter("a", TimeSpan.FromSeconds(100_000 - i));
        }

        _time.Advance(TimeSpan.FromSeconds(90_001));
        _queue.Count.ShouldBe(1);
    }

    [Fact]
    public void AddRateLimited_Doubles_AndForgetStartsAgain()
    {
        Enumerable.Range(0, 4).Select(_ => _queue.AddRateLimited("a").TotalMilliseconds).ShouldBe([5, 10, 20, 40]);
        _queue.Failures("a").ShouldBe(4);
        _queue.AddRateLimited("b").TotalMilliseconds.ShouldBe(5);
        _queue.Forget("a");
        _queue.Failures("a").ShouldBe(0);
        _queue.AddRateLimited("a").TotalMilliseconds.ShouldBe(5);
    }

    [Fact]
    public void AddRateLimited_NeverGivesUp()
    {
        TimeSpan last = default;
        for (var i = 0; i < 5000; i++)
        {
            last = _queue.AddRateLimited("a");
        }

        last.ShouldBe(TimeSpan.FromSeconds(1000));
        _time.Advance(TimeSpan.FromSeconds(1001));
        _queue.Count.ShouldBe(1);
    }

    [Fact]
    public void AddRateLimited_OverAll_KeepsTheQueuesRate()
    {
        using var queue = new WorkQueue<int>(new WorkQueueOptions { PerSecond = 10, Burst = 2 }, _time);
        Enumerable.Range(0, 5).Select(i => queue.AddRateLimited(i).TotalMilliseconds).ShouldBe([5, 5, 100, 200, 300], 0.001);
    }

    [Fact]
    public async Task ShutDown_GivesWhatWaits_ThenNothing()
    {
        _queue.Add("a");
        _queue.AddAfter("never", TimeSpan.FromSeconds(1));
        _queue.ShutDown();
        _queue.Add("b");
        (await TakeAsync()).ShouldBe("a");
        (await _queue.TakeAsync(CancellationToken.None)).Found.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(2));
        _queue.Count.ShouldBe(0);
    }

    [Fact]
    public async Task ShutDown_WakesThoseWhoWait()
    {
        var taking = Enumerable.Range(0, 3).Select(_ => _queue.TakeAsync(CancellationToken.None).AsTask()).ToArray();
        _queue.ShutDown();
        (await Task.WhenAll(taking).WaitAsync(Widgets.Deadline)).ShouldAllBe(one => !one.Found);
    }

    [Fact]
    public async Task Drain_WaitsForWorkInHand()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Add("a");
        var drained = _queue.ShutDownAndDrainAsync(CancellationToken.None);
        _queue.Done("a");
        drained.IsCompleted.ShouldBeFalse();
        await TakeAsync();
        _queue.Done("a");
        await drained.WaitAsync(Widgets.Deadline);
    }

    [Fact]
    public async Task LongestRunning_IsTheOldestInWork()
    {
        _queue.Add("a");
        _queue.Add("b");
        await TakeAsync();
        _time.Advance(TimeSpan.FromSeconds(3));
        await TakeAsync();
        _time.Advance(TimeSpan.FromSeconds(2));
        _queue.LongestRunning.ShouldBe(TimeSpan.FromSeconds(5));
        _queue.Done("a");
        _queue.LongestRunning.ShouldBe(TimeSpan.FromSeconds(2));
        _queue.Done("b");
        _queue.LongestRunning.ShouldBe(TimeSpan.Zero);
    }

    /// <summary>As an operator of several namespaces has them.</summary>
    [Fact]
    public async Task LongestRunning_OfQueuesOfOneName_IsOneFigure_TheLongest()
    {
        var options = new WorkQueueOptions { Name = "of-one-name", PerSecond = 0 };
        using var first = new WorkQueue<string>(options, _time);
        using var idle = new WorkQueue<string>(options, _time);
        first.Add("a");
        await first.TakeAsync(CancellationToken.None).AsTask().WaitAsync(Widgets.Deadline);
        _time.Advance(TimeSpan.FromSeconds(5));

        Observe().ShouldBe([5]);
        first.Dispose();
        Observe().ShouldBe([0]);
        idle.Dispose();
        Observe().ShouldBeEmpty();

        List<double> Observe()
        {
            var seen = new List<double>();
            using var listener = new MeterListener
            {
                InstrumentPublished = static (instrument, self) =>
                {
                    if (instrument.Name == "kubernetes.workqueue.longest_running")
                    {
                        self.EnableMeasurementEvents(instrument);
                    }
                },
            };
            listener.SetMeasurementEventCallback<double>(
                (_, value, tags, _) =>
                {
                    if (tags[0].Value is "of-one-name")
                    {
                        seen.Add(value);
                    }
                }
            );
            listener.Start();
            listener.RecordObservableInstruments();
            return seen;
        }
    }

    private async Task<string?> TakeAsync() => (await _queue.TakeAsync(CancellationToken.None).AsTask().WaitAsync(Widgets.Deadline)).Item;
}
