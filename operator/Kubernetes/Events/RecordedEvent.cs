using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Events;

/// <summary>An event as it was reported, not yet sent.</summary>
internal sealed record RecordedEvent(
    ObjectReference Regarding,
    EventType Type,
    string Reason,
    string Action,
    string Note,
    ObjectReference? Related,
    DateTimeOffset Time,
    bool ByNote = false
)
{
    /// <summary>What repeats are recognised by. Mostly without the note: a number in it would make every one a new event.</summary>
    public SeriesKey Key => new(Object, Type, Reason, Action, Related?.Uid ?? Related?.Name ?? "", ByNote ? Note : "");

    /// <summary>What the rate is counted by. What comes in numbers has a budget for each of its reasons, so that it leaves all others theirs.</summary>
    public string Budget => ByNote || Related is not null ? $"{Object}/{Reason}" : Object;

    private string Object =>
        Regarding.Uid is { Length: > 0 } uid ? uid : $"{Regarding.ApiVersion}/{Regarding.Kind}/{Regarding.Namespace}/{Regarding.Name}";
}

internal readonly record struct SeriesKey(string Object, EventType Type, string Reason, string Action, string Related, string Note);
