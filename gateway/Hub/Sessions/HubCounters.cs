using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>One loop's totals of a Hub listener; written by the loop alone and read by anyone.</summary>
internal sealed class HubCounters
{
    private long _clients;
    private long _subscriptions;
    private long _commands;
    private long _received;
    private long _delivered;
    private long _droppedOldest;
    private long _droppedNewest;
    private long _slow;
    private long _recovered;
    private long _unrecovered;
    private long _insufficient;
    private long _held;
    private long _errors;
    private long _resumes;
    private long _waiting;
    private long _sentBefore;
    private long _sentAfter;
    private long _receivedBefore;
    private long _receivedAfter;

    /// <summary>From a command to its reply.</summary>
    public DurationHistogram Responses;

    /// <summary>Connected clients.</summary>
    public ref long Clients => ref _clients;

    public ref long Subscriptions => ref _subscriptions;

    /// <summary>Commands handled.</summary>
    public ref long Commands => ref _commands;

    /// <summary>Publications that came to the loop.</summary>
    public ref long Received => ref _received;

    /// <summary>Publications queued for clients.</summary>
    public ref long Delivered => ref _delivered;
    public ref long DroppedOldest => ref _droppedOldest;
    public ref long DroppedNewest => ref _droppedNewest;

    /// <summary>Clients disconnected since they did not read.</summary>
    public ref long Slow => ref _slow;

    /// <summary>Subscriptions that got all they had missed.</summary>
    public ref long Recovered => ref _recovered;

    /// <summary>Subscriptions that could not.</summary>
    public ref long Unrecovered => ref _unrecovered;

    /// <summary>Subscriptions that had a gap and were told so.</summary>
    public ref long Insufficient => ref _insufficient;

    /// <summary>Connects that had to wait for their turn.</summary>
    public ref long Held => ref _held;

    /// <summary>Error replies.</summary>
    public ref long Errors => ref _errors;

    /// <summary>Connects of clients that say where they were before.</summary>
    public ref long Resumes => ref _resumes;

    /// <summary>Clients that have not taken yet what was sent to them.</summary>
    public ref long Waiting => ref _waiting;

    /// <summary>Bytes of what was sent compressed, as it was before.</summary>
    public ref long SentBefore => ref _sentBefore;

    /// <summary>The same as it was sent.</summary>
    public ref long SentAfter => ref _sentAfter;

    /// <summary>Bytes of what came compressed, once inflated.</summary>
    public ref long ReceivedBefore => ref _receivedBefore;

    /// <summary>The same as it came.</summary>
    public ref long ReceivedAfter => ref _receivedAfter;
}
