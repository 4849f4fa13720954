using Mooring.Operator.Host;
using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Tests.Host;

public sealed class GroupPlannerTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;

    [Theory]
    [InlineData("", 3, "0 1 2", "", "")]
    [InlineData("0R 1R", 3, "2", "", "")]
    [InlineData("0R 2R", 3, "1", "", "")]
    [InlineData("0R 1R 2R", 1, "", "2 1", "")]
    [InlineData("0R 1S 2R", 2, "", "1", "")]
    [InlineData("0R 1D", 2, "", "", "1")]
    [InlineData("0R 1D", 3, "2", "", "1")]
    [InlineData("0R 1X", 2, "2", "", "")]
    [InlineData("0W 1W", 0, "", "1 0", "")]
    [InlineData("0Ro 1Ro", 2, "2 3", "", "")]
    [InlineData("0Ro 1Ro 2S 3R", 2, "", "", "")]
    [InlineData("0Ro 1Ro 2R 3R", 2, "", "0 1", "")]
    [InlineData("0Wo 1Ro 2S", 1, "", "0", "")]
    [InlineData("0Ro 1Do", 0, "", "0", "")]
    public void Decide_Slots_StartsDrainsAndTakesBack(string slots, int replicas, string start, string drain, string takeBack)
    {
        var decision = GroupPlanner.Decide([.. slots.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Slot)], "new", replicas);
        string.Join(' ', decision.Start).ShouldBe(start);
        string.Join(' ', decision.Drain.Select(static slot => slot.Number)).ShouldBe(drain);
        string.Join(' ', decision.TakeBack.Select(static slot => slot.Number)).ShouldBe(takeBack);
    }

    [Fact]
    public void Next_DeathsInARow_DoubleUpToTenSecondsAndStartOverAfterAStableRun()
    {
        var backoff = new RestartBackoff();
        Enumerable
            .Range(0, 8)
            .Select(_ => backoff.Next(TimeSpan.FromSeconds(1)).TotalSeconds)
            .ShouldBe([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]);
        backoff.Next(TimeSpan.FromSeconds(59)).TotalSeconds.ShouldBe(10);
        backoff.Next(TimeSpan.FromSeconds(60)).TotalSeconds.ShouldBe(0.2);
    }

    [Fact]
    public void Exited_ByItsPhase_IsReplacedOrGone()
    {
        var serving = Slot("0R");
        serving.Exited(new ProcessExit(null, 9), Now);
        (serving.Phase, serving.Restarts, serving.Problem, serving.NotBefore).ShouldBe(
            (SlotPhase.Waiting, 1, "ended with signal 9", Now + RestartBackoff.First)
        );
        serving.Started(new ChildProcess(2, pidfd: -1), 1, Now);
        serving.Process!.Said("no such library");
        serving.Process.Said("   at Program.Main()");
        serving.Process.Said("{}");
        serving.Exited(new ProcessExit(3, null), Now);
        serving.Problem.ShouldBe("ended with exit code 3: no such library");
        serving.Started(new ChildProcess(3, pidfd: -1), 1, Now);
        serving.Problem.ShouldNotBeNull("it has not served since");
        serving.Ready(Now);
        serving.Problem.ShouldBeNull();
        var draining = Slot("0D");
        draining.Exited(new ProcessExit(0, null), Now);
        draining.Phase.ShouldBe(SlotPhase.Gone);
    }

    /// <summary>A number, the phase's letter (X is stopping), and o for one of an older command.</summary>
    private static ChildSlot Slot(string text)
    {
        var slot = new ChildSlot($"s{text[0]}", text[0] - '0', text.EndsWith('o') ? "old" : "new");
        if (text[1] == 'W')
        {
            return slot;
        }

        slot.Started(new ChildProcess(1, pidfd: -1), 1, Now);
        switch (text[1])
        {
            case 'R':
                slot.Ready(Now);
                break;
            case 'D':
                slot.Drain(Now, Now);
                break;
            case 'X':
                slot.Stop(Now, Now);
                break;
        }

        return slot;
    }
}
