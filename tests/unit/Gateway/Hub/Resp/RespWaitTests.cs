using Mooring.Gateway.Hub.Resp;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Hub.Resp;

/// <summary>Who waits for subscriptions, with one timer for all; and what a loop's turn writes.</summary>
public sealed class RespWaitTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly RespWaits _waits;
    private string? _problem;

    public RespWaitTests() => _waits = new RespWaits(_time, () => _problem);

    public void Dispose() => _waits.Dispose();

    [Fact]
    public async Task Deadlines_EachFailsAtItsOwn_WithTheProblem()
    {
        var (late, soon, done) = (Add(2000), Add(100), Add(100));
        done.TrySetResult();
        _time.Advance(TimeSpan.FromMilliseconds(150));
        (await Should.ThrowAsync<RespUnavailableException>(() => soon.Task)).Message.ShouldBe("no answer in time");
        done.Task.IsCompletedSuccessfully.ShouldBeTrue();
        late.Task.IsCompleted.ShouldBeFalse();

        _problem = "gone";
        _time.Advance(TimeSpan.FromMilliseconds(1900));
        var error = await Should.ThrowAsync<RespUnavailableException>(() => late.Task);
        (error.Message, error.MayHaveRun).ShouldBe(("gone", true));

        // The timer goes on for those who come after.
        var again = Add(50);
        _time.Advance(TimeSpan.FromMilliseconds(60));
        again.Task.IsFaulted.ShouldBeTrue();
    }

    [Fact]
    public void Deadlines_CloseToEachOther_AreLookedAtTogether()
    {
        var waits = Enumerable.Range(0, 200).Select(i => Add(1000 + i)).ToList();
        var (looks, failed) = (0, 0);
        for (var passed = 0; passed < 1400; passed++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            var before = failed;
            failed = waits.Count(static wait => wait.Task.Exception is not null);
            looks += failed > before ? 1 : 0;
        }

        failed.ShouldBe(200);
        looks.ShouldBeLessThan(5);
    }

    [Fact]
    public void EndAll_TellsEveryoneWhoStillWaits()
    {
        var (first, second, third) = (Add(100), Add(2000), Add(2000));
        second.Lead(first);
        _time.Advance(TimeSpan.FromMilliseconds(150));
        first.Task.IsFaulted.ShouldBeTrue();
        third.Lead(second);
        RespWait.EndAll(third, null);
        (third.Task.IsCompletedSuccessfully, second.Task.IsCompletedSuccessfully).ShouldBe((true, true));
        _ = first.Task.Exception;

        var refused = Add(2000);
        RespWait.EndAll(refused, new RespServerException("NOPERM no"));
        refused.Task.Exception!.InnerException.ShouldBeOfType<RespServerException>().Code.ShouldBe("NOPERM");
        RespWait.EndAll(null, null);
    }

    [Fact]
    public async Task Turn_WritesGoAtItsEnd()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var client = await RespClientTests.ConnectAsync(RespClientTests.Settings(redis.Port));
        var (unsent, calls) = (0, new List<Task<RespValue>>());
        var loop = new Thread(() =>
        {
            var turn = RespTurn.Begin();
            RespTurn.Begin().ShouldBeSameAs(turn);
            calls.Add(client.CallAsync(RespCommand.Of("ECHO", "one"), RespClientTests.Limit));
            calls.Add(client.CallAsync(RespCommand.Of("ECHO", "two"), RespClientTests.Limit));
            unsent = client.Unsent;
            turn.End();
            turn.End();
        });
        loop.Start();
        loop.Join();
        unsent.ShouldBeGreaterThan(40, "nothing goes before the turn's end");
        (await Task.WhenAll(calls)).Select(answer => answer.Text).ShouldBe(["one", "two"]);
        RespTurn.Current.ShouldBeNull("this thread is no loop");
        (await client.CallAsync(RespCommand.Of("ECHO", "three"), RespClientTests.Limit)).Text.ShouldBe("three");
    }

    private RespWait Add(int milliseconds) => _waits.Add(TimeSpan.FromMilliseconds(milliseconds));
}
