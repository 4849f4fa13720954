using Mooring.Kubernetes.LeaderElection;
using Mooring.Testing;

namespace Mooring.Kubernetes.Tests.LeaderElection;

public sealed class LeadershipTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly Leadership _term;

    public LeadershipTests() => _term = new Leadership(3, _time.GetTimestamp(), _time.GetUtcNow(), TimeSpan.FromSeconds(10), _time);

    public void Dispose() => _term.Dispose();

    [Fact]
    public void Held_UntilTheDeadline()
    {
        _time.Advance(TimeSpan.FromSeconds(9.9));
        _term.IsHeld.ShouldBeTrue();
        _term.Ended.IsCancellationRequested.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.1));
        _term.IsHeld.ShouldBeFalse();
        _term.Ended.IsCancellationRequested.ShouldBeTrue();
    }

    [Fact]
    public void Resumed_AfterAStop_IsNotHeld_BeforeAnyTimerRan()
    {
        _time.Stall(TimeSpan.FromSeconds(12));
        _term.Ended.IsCancellationRequested.ShouldBeFalse();
        _term.IsHeld.ShouldBeFalse();
    }

    [Fact]
    public void Resumed_AfterTheMachineSlept_IsNotHeld()
    {
        _time.SetForward(TimeSpan.FromMinutes(5));
        _term.IsHeld.ShouldBeFalse();
    }

    [Fact]
    public void ClockSetBack_DoesNotLengthenIt()
    {
        _time.SetForward(TimeSpan.FromHours(-1));
        _time.Advance(TimeSpan.FromSeconds(11));
        _term.IsHeld.ShouldBeFalse();
    }

    [Fact]
    public void Renewed_CountsFromWhenTheRequestWasSent()
    {
        var (sent, sentAt) = (_time.GetTimestamp(), _time.GetUtcNow());
        _time.Advance(TimeSpan.FromSeconds(4));
        _term.Renew(sent, sentAt).ShouldBeTrue();
        _time.Advance(TimeSpan.FromSeconds(6));
        _term.IsHeld.ShouldBeFalse();
    }

    [Fact]
    public void Renewed_InTime_GoesOn()
    {
        for (var i = 0; i < 10; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            _term.Renew(_time.GetTimestamp(), _time.GetUtcNow()).ShouldBeTrue();
        }

        _term.IsHeld.ShouldBeTrue();
        _term.Ended.IsCancellationRequested.ShouldBeFalse();
    }

    [Fact]
    public void Renewed_TooLate_StaysLost()
    {
        var (sent, sentAt) = (_time.GetTimestamp(), _time.GetUtcNow());
        _time.Stall(TimeSpan.FromSeconds(11));
        _term.Renew(sent, sentAt).ShouldBeFalse();
        _term.Renew(_time.GetTimestamp(), _time.GetUtcNow()).ShouldBeFalse();
        _term.IsHeld.ShouldBeFalse();
    }

    [Theory]
    [InlineData(null, 0, 1)]
    [InlineData(null, 1, 1.2)]
    [InlineData(12.0, 0, 1)]
    [InlineData(1.1, 0.2, 1.04)]
    [InlineData(1.1, 1, 1.21)]
    [InlineData(0.5, 1, 0.55)]
    public void Pause_OfOneThatWaits_SeesEachRenewal_AndTheEnd(double? left, double spread, double pause) =>
        LeaderElector
            .Pause(TimeSpan.FromSeconds(2), left is { } seconds ? TimeSpan.FromSeconds(seconds) : null, spread)
            .TotalSeconds.ShouldBe(pause, 0.001);

    [Fact]
    public async Task Lost_IsNotHeld_EvenInTime()
    {
        await _term.LoseAsync();
        _term.IsHeld.ShouldBeFalse();
        _term.Ended.IsCancellationRequested.ShouldBeTrue();
    }

    [Fact]
    public async Task AskedToEnd_IsStillHeld()
    {
        await _term.EndAsync();
        _term.Ended.IsCancellationRequested.ShouldBeTrue();
        _term.IsHeld.ShouldBeTrue();
    }
}
