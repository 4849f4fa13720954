namespace Mooring.Gateway.Hub.Resp;

/// <summary>What the connections to Redis have done, since the process's start. Thread-safe.</summary>
internal sealed class RespCounters
{
    private long _answers;
    private long _failures;
    private long _timeouts;
    private long _refused;
    private long _connects;
    private long _failedConnects;
    private long _failovers;
    private long _redirects;
    private long _messages;
    private long _sent;
    private long _received;
    private long _callTicks;

    /// <summary>Calls answered, by an error of the server's too.</summary>
    public long Answers => Volatile.Read(ref _answers);

    /// <summary>Calls that got no answer because their connection ended.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Calls that got none in time.</summary>
    public long Timeouts => Volatile.Read(ref _timeouts);

    /// <summary>Calls not sent: no connection, or too much waited already.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Connections made.</summary>
    public long Connects => Volatile.Read(ref _connects);

    /// <summary>Connections that could not be made.</summary>
    public long FailedConnects => Volatile.Read(ref _failedConnects);

    /// <summary>Times that the master was found elsewhere than before.</summary>
    public long Failovers => Volatile.Read(ref _failovers);

    /// <summary>Answers of a cluster that sent a call to another node.</summary>
    public long Redirects => Volatile.Read(ref _redirects);

    /// <summary>Messages received from channels.</summary>
    public long Messages => Volatile.Read(ref _messages);

    public long SentBytes => Volatile.Read(ref _sent);

    public long ReceivedBytes => Volatile.Read(ref _received);

    /// <summary>Of the answered calls together.</summary>
    public TimeSpan CallTime => TimeSpan.FromTicks(Volatile.Read(ref _callTicks));

    public void CountAnswer(TimeSpan took)
    {
        Interlocked.Increment(ref _answers);
        Interlocked.Add(ref _callTicks, took.Ticks);
    }

    public void CountFailure() => Interlocked.Increment(ref _failures);

    public void CountTimeout() => Interlocked.Increment(ref _timeouts);

    public void CountRefusal() => Interlocked.Increment(ref _refused);

    public void CountConnect() => Interlocked.Increment(ref _connects);

    public void CountFailedConnect() => Interlocked.Increment(ref _failedConnects);

    public void CountFailover() => Interlocked.Increment(ref _failovers);

    public void CountRedirect() => Interlocked.Increment(ref _redirects);

    public void CountMessages(int count) => Interlocked.Add(ref _messages, count);

    public void CountSent(int bytes) => Interlocked.Add(ref _sent, bytes);

    public void CountReceived(int bytes) => Interlocked.Add(ref _received, bytes);
}
