namespace Mooring.Operator.Run.Troubles;

/// <summary>What is no fleet's trouble but everybody's. The names are the reasons of the events.</summary>
internal enum TroubleKind
{
    /// <summary>Requests have no answer: away, half-open, or connections break.</summary>
    ApiServerAway,

    /// <summary>Most requests take long.</summary>
    ApiServerSlow,

    /// <summary>Watches end long before their time.</summary>
    WatchesCut,

    /// <summary>Versions are too old to be watched from (410), so that everything is listed again.</summary>
    WatchesExpired,

    /// <summary>The wall clock and the monotonic one have gone apart.</summary>
    ClockJumped,
}
