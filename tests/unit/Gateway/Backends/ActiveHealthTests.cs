using Mooring.Gateway.Backends;

namespace Mooring.Gateway.Tests.Backends;

public sealed class ActiveHealthTests
{
    [Theory]
    // The first check decides alone; then three failures put out and two passes bring back.
    [InlineData("-", "D")]
    [InlineData("+", "U")]
    [InlineData("+---", "UUUD")]
    [InlineData("+--+---", "UUUUUUD")]
    [InlineData("-++", "DDU")]
    [InlineData("-+-++", "DDDDU")]
    [InlineData("+---++---", "UUUDDUUUD")]
    public void Note_RiseTwoFallThree_FollowsTheRuns(string checks, string expected)
    {
        var health = default(ActiveHealth);
        var states = checks.Select(check =>
        {
            var before = health.IsDown;
            health.Note(check == '+', rise: 2, fall: 3).ShouldBe(before != health.IsDown);
            return health.IsDown ? 'D' : 'U';
        });
        string.Concat(states).ShouldBe(expected);
    }
}
