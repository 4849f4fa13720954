using Mooring.Operator.Host;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

public sealed class WorkloadProgressTests
{
    /// <summary>Looks, one every ten seconds: what is to run, how many serve it, how many are wanted. A bang: by then some have been missing for 20 s.</summary>
    [Theory]
    [InlineData("a22 a22 a22 a22")]
    [InlineData("a02 a02 a02! a02!")]
    [InlineData("a22 b02 b02 b02! a22 a22")]
    // One more has come, or something else is to run: its time begins anew.
    [InlineData("a02 a02 a12 a12 a12! a22")]
    [InlineData("a02 a02 b02 b02 b02!")]
    // One that was there has gone.
    [InlineData("a22 a12 a12 a12!")]
    [InlineData("a02 a01 a00 a01 a01 a01!")]
    public void IsOverdue_OnceNoneHasComeForTheTime(string looks)
    {
        var time = new ManualTime();
        var progress = new WorkloadProgress(time);
        foreach (var (index, look) in looks.Split(' ').Index())
        {
            progress.Look(look[..1], look[1] - '0', look[2] - '0');
            progress.IsOverdue(TimeSpan.FromSeconds(20)).ShouldBe(look.EndsWith('!'), $"look {index}");
            time.Advance(TimeSpan.FromSeconds(10));
        }
    }
}
