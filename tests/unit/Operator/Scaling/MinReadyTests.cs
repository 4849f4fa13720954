using Mooring.Contracts.Stream;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Scaling;

/// <summary>What a gateway of the wanted revision stands in for before it has been ready for the least time: nobody.</summary>
public sealed class MinReadyTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <summary>Gateways: o of the older revision, n of the wanted one, each with the seconds since which it is ready; none: it is not known since when.</summary>
    [Theory]
    [InlineData("o o n0", 2, "", 5.0)]
    [InlineData("o o n4", 2, "", 1.0)]
    [InlineData("o o n4.5", 2, "", 0.5)]
    [InlineData("o o n5", 2, "1", 10.0)]
    [InlineData("o o n", 2, "1", 10.0)]
    // The older ones serve, however lately they came.
    [InlineData("o0 o0 n9", 2, "1", 10.0)]
    // Ready since a moment to come: its clock is wrong, and nothing waits for that.
    [InlineData("o o n-60", 2, "1", 10.0)]
    [InlineData("o o n-3", 2, "", 8.0)]
    // Of those that last there are enough for one to go.
    [InlineData("o o n9 n1", 2, "1", 4.0)]
    // Fewer are wanted: the one that has just come goes, and may.
    [InlineData("n9 n9 n1", 2, "2", 4.0)]
    [InlineData("n9 n1 n1", 2, "", 4.0)]
    public void Decide_OldOnesGo_OnlyForThoseThatLast(string gateways, int wanted, string cordoned, double after)
    {
        var all = gateways.Split(' ').Select(Gateway).ToList();
        var step = DrainSequence.Decide(
            new SequenceInput
            {
                Now = Now,
                Wanted = wanted,
                Revision = "n",
                Gateways = all,
                Groups =
                [
                    .. all.CountBy(static one => one.Revision)
                        .Select(static group => new RevisionGroup(group.Key, group.Value, group.Value)),
                ],
                Pace = new SequencePace
                {
                    LameDuck = TimeSpan.FromSeconds(10),
                    Deadline = TimeSpan.FromMinutes(9),
                    MinReady = TimeSpan.FromSeconds(5),
                },
            }
        );

        string.Join(' ', step.Marks.Select(static change => change.Gateway)).ShouldBe(cordoned);
        step.After?.TotalSeconds.ShouldBe(after);
    }

    private static SequenceGateway Gateway(string text, int number) =>
        new()
        {
            Name = $"{number}",
            Revision = text[..1],
            Stage = GatewayStage.Ready,
            ReadySince =
                text.Length > 1 ? Now.AddSeconds(-double.Parse(text[1..], System.Globalization.CultureInfo.InvariantCulture)) : null,
            Load = new GatewayLoad(10 - number, 1000, GatewayState.Serving),
        };
}
