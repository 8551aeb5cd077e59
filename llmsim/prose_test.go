package llmsim_test

// prose is about tides. Its sentences are made so that it is plain which of
// them carry the text and which do not.
const prose = `How Tides Work

The tides are the regular rise and fall of the sea, caused by the gravity of the Moon and the Sun. Dr. Vera Lund
measured them at St. Malo for 3.5 years, i.e. through some 2,500 high tides. Her notes were lost in a fire.

The gravity of the Moon pulls the water of the sea towards it and raises high tides on the near side of the Earth.
On the far side, where the gravity of the Moon is weaker, a second bulge of the sea makes another high tide. Because
the Earth turns beneath both bulges, most coasts see two high tides and two low tides a day. A gull sat on the pier.

When the Sun and the Moon pull in line, their gravity adds up and the high tides are highest; these are called spring
tides (from an old word for leaping). However, when the Sun and the Moon pull at right angles, the tides differ least, and
these are called neap tides. The harbour master, J. B. Orr, liked his tea strong. "Who would have guessed?" he used to ask.

The shape of the coast changes the tides, too. A funnel such as the Bay of Fundy raises the high tides to 16 metres,
while the tides of a closed sea such as the Baltic are hardly to be seen. Tide tables join the gravity of the Moon and
the Sun with the shape of the coast, and so predict the high tides and the low tides of every harbour for years.
`
