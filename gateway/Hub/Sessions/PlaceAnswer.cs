namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Whether a user may have one connection more.</summary>
internal enum PlaceAnswer
{
    /// <summary>The place is taken, or none is needed.</summary>
    Taken,

    /// <summary>The user has all that it may have.</summary>
    Full,

    /// <summary>Taken here; the fleet is asked, and answers later.</summary>
    Asked,
}
