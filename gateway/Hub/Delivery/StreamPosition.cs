namespace Mooring.Gateway.Hub.Delivery;

/// <summary>A place in a channel's stream.</summary>
/// <param name="Offset">Of the publication before it: the first one has 1, so 0 is the beginning.</param>
/// <param name="Epoch">Names one incarnation of the stream; 1 to 32 characters of letters, digits, <c>_</c> and <c>-</c>, never <c>_</c> alone. Empty: not known.</param>
internal readonly record struct StreamPosition(ulong Offset, string Epoch);
