namespace Mooring.Operator.Scaling.Autoscaling;

/// <summary>Times of the week at which there are to be so many at least.</summary>
/// <param name="Name">For people.</param>
/// <param name="Days">Days on which it begins.</param>
/// <param name="Start">Time of day at which it begins.</param>
/// <param name="End">Time of day at which it ends; not after <paramref name="Start"/>: on the next day.</param>
/// <param name="Zone">Whose clock.</param>
/// <param name="MinReplicas">At least so many.</param>
public sealed record ScheduleWindow(
    string Name,
    IReadOnlyList<DayOfWeek> Days,
    TimeOnly Start,
    TimeOnly End,
    TimeZoneInfo Zone,
    int MinReplicas
)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    public bool IsOpen(DateTimeOffset now)
    {
        var local = TimeZoneInfo.ConvertTime(now, Zone);
        var time = TimeOnly.FromDateTime(local.DateTime);
        if (Start < End)
        {
            return Days.Contains(local.DayOfWeek) && time >= Start && time < End;
        }

        return (Days.Contains(local.DayOfWeek) && time >= Start) || (Days.Contains(local.AddDays(-1).DayOfWeek) && time < End);
    }

    /// <summary>How long until it next opens or closes, at most a day: the moment to look again.</summary>
    public TimeSpan UntilChange(DateTimeOffset now)
    {
        var local = TimeZoneInfo.ConvertTime(now, Zone);
        var time = TimeOnly.FromDateTime(local.DateTime);
        // The difference of two times of day wraps at midnight; equal times are a day away.
        var wait = new[] { Start - time, End - time }.Min(wait => wait == TimeSpan.Zero ? TimeSpan.FromDays(1) : wait);
        return Zone.GetUtcOffset(now + wait) > local.Offset ? UntilChangeWhenSetForward(now, wait) : wait;
    }

    // What the clock leaves out on that day is not waited for. Where it is set back, who looks too early looks again.
    private TimeSpan UntilChangeWhenSetForward(DateTimeOffset now, TimeSpan longest)
    {
        var isOpen = IsOpen(now);
        var minute = now - TimeSpan.FromTicks(now.Ticks % TimeSpan.TicksPerMinute);
        for (var next = minute + Minute; next - now < longest; next += Minute)
        {
            if (IsOpen(next) != isOpen)
            {
                return next - now;
            }
        }

        return longest;
    }
}
