namespace Mooring.Gateway.Hub.Delivery;

/// <summary>What became of a call to the broker. Calls do not throw for what may happen.</summary>
internal enum BrokerStatus : byte
{
    Ok,

    /// <summary>The broker cannot be reached, or did not answer in time: clients get error 100, which is temporary.</summary>
    Unavailable,

    /// <summary>More is under way than may be, in calls or bytes: clients get error 111, which is temporary.</summary>
    Overloaded,

    /// <summary>The history asked for is of another epoch: clients get error 112.</summary>
    WrongEpoch,

    /// <summary>More is there than one answer may have: clients get error 106.</summary>
    TooMany,
}
