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
        var time = TimeOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, Zone).DateTime);
        // The difference of two times of day wraps at midnight; equal times are a day away.
        return new[] { Start - time, End - time }.Min(wait => wait == TimeSpan.Zero ? TimeSpan.FromDays(1) : wait);
    }
}
